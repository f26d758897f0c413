"""DynamoDB against silver, order by order."""
