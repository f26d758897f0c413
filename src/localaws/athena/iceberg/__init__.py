"""Iceberg tables in the local Athena: real ones, through PyIceberg and the Glue catalogue."""
