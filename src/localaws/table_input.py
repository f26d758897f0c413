"""What of a table or partition, as the catalogue describes it, it takes back in an update.

https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html
"""

from typing import Final

TABLE_INPUT: Final = (
    "Name",
    "Description",
    "Owner",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "ViewOriginalText",
    "ViewExpandedText",
    "TableType",
    "Parameters",
)
PARTITION_INPUT: Final = ("Values", "StorageDescriptor", "Parameters")
