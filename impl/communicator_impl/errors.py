"""Errors of the reference implementation: one root, split by whose fault it is.

::

    CommunicatorError            error_class: the normative class; detail: for a log
    ├── InputError               the application asked for what the protocol does not carry
    ├── PeerError                bytes that another party made: wrong, stale, forged or repeated
    ├── ServiceError             a service refused, or answered against its interface
    └── OwnError                 our own state is impossible: a bug, or a damaged disk

Rules:

1. A raise changes nothing: whoever catches one of these may use the old state as if the call had
   never been made (ERR-2).
2. `error_class` is all that may decide what happens next. `detail` is for people, and no test
   compares it (ERR-3).
3. What a stranger sent never reaches the outward answer of a service (ENV-8): the class stays
   inside.
"""

from communicator_spec.errors import ErrorClass, Explained

__all__ = ["CommunicatorError", "InputError", "OwnError", "PeerError", "ServiceError"]


class CommunicatorError(Explained):
    """Root of all errors that this package raises on purpose."""

    def __init__(self, error_class: ErrorClass, detail: str = "") -> None:
        super().__init__(f"{error_class.value}: {detail}" if detail else error_class.value)
        self.error_class = error_class
        self.detail = detail

    @property
    def line(self) -> str:
        """What a person is told: the detail, or the class where there is none."""
        return self.detail or str(self)

    def __reduce__(self) -> tuple[type["CommunicatorError"], tuple[ErrorClass, str]]:
        return (type(self), (self.error_class, self.detail))


class InputError(CommunicatorError):
    """The application's fault: content too large, an argument out of range."""


class PeerError(CommunicatorError):
    """The fault of whoever made the bytes: a correspondent, a sending service, a stranger."""


class ServiceError(CommunicatorError):
    """A service's fault: it refused, or its answer breaks its interface."""


class OwnError(CommunicatorError):
    """Our own fault: stored state that does not decode, a step taken in a state that forbids it."""
