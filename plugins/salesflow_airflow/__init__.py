"""What Airflow needs to run Salesflow: operators, sensors and triggers, thin over ``salesflow``."""
