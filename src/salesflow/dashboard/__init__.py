"""What the dashboard shows: read from AWS, and as JSON values.

Money is a decimal text, a time is ISO 8601 in UTC with Z, and what isn't known is None.
"""
