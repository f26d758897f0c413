"""The local Athena."""
