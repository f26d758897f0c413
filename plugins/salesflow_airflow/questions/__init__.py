"""Questions inside Airflow: the page where people ask Athena, and what it is served by."""
