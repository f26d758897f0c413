"""The live dashboard: a web application that Airflow's API server serves under /salesflow."""
