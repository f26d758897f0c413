"""AWS's way of saying no."""

from http import HTTPStatus


class AwsError(Exception):
    """An error as an AWS service answers it.

    Args:
        code: the error code of the service model, such as ``ResourceNotFoundException``.
        message: a sentence that names the culprit.
        status: the HTTP status; 400 for nearly all client errors.
    """

    def __init__(self, code: str, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = int(status)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Unsupported(AwsError):
    """What AWS has and the local AWS does not: refused, never ignored."""

    def __init__(self, what: str, code: str = "ValidationException") -> None:
        super().__init__(code, f"the local AWS does not support {what}")
