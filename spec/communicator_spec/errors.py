"""The normative error classes (chapter 1, ERR-1): few, stable, and all that a peer may depend on."""

from enum import StrEnum
from typing import Final

__all__ = ["STATUS", "ErrorClass", "Explained"]


class Explained(Exception):
    """An error that a program tells whoever runs it, in one line: what is wrong, and what would do.

    Each layer has errors of its own below this one, so whoever shows them needs to load none of the layers.
    """

    @property
    def line(self) -> str:
        """The line."""
        return str(self)


class ErrorClass(StrEnum):
    """Why something was refused. No text beside the class is normative."""

    MALFORMED = "malformed"  # not the bytes that the wire schema describes
    EXPIRED = "expired"  # past its valid-until date
    UNKNOWN = "unknown"  # names something that the receiver does not hold
    FORGED = "forged"  # authentication failed
    REPLAYED = "replayed"  # single-use, and used before
    TOO_LARGE = "too-large"  # over a limit on bytes
    LIMIT = "limit"  # over a limit on counts or rate
    REFUSED = "refused"  # understood, and not wanted


STATUS: Final = {
    ErrorClass.MALFORMED: 400,
    ErrorClass.FORGED: 401,
    ErrorClass.REFUSED: 403,
    ErrorClass.UNKNOWN: 404,
    ErrorClass.REPLAYED: 409,
    ErrorClass.EXPIRED: 410,
    ErrorClass.TOO_LARGE: 413,
    ErrorClass.LIMIT: 429,
}
"""The status of each class over HTTP (chapter 8)."""
