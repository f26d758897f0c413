"""How a query fails."""

#: Why a query was cancelled that its client stopped.
STOPPED = "Query cancelled by user"


class QueryFailed(Exception):
    """A query that fails, with the message as Athena words it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ScanLimitExceeded(QueryFailed):
    """A query that would read more than its workgroup's BytesScannedCutoffPerQuery."""


class QueryCancelled(QueryFailed):
    """A query that was stopped while it ran."""


def not_emulated(what: str) -> QueryFailed:
    """What Athena has and the local AWS does not: refused, never ignored."""
    return QueryFailed(f"NOT_SUPPORTED: {what} is not supported by the local AWS")
