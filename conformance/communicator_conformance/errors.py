"""Errors of the conformance suite: one root, split by whose fault it is.

::

    ConformanceError
    ├── VectorError          the suite's fault: a file of ours breaks the schema or the rules of vectors
    ├── ListError            the implementer's fault: an expectation list that cannot be read
    ├── PartnerError         the fault of the program that plays the other part: nothing is said of the testee
    └── TesteeError          the testee's fault; `fault` says how it showed
        ├── Hung             no answer in time
        ├── Died             the process ended, or could not be started
        └── Garbage          an answer that is not one line of the protocol

Rules:

1. A `TesteeError` fails the test that met it and nothing else; the run goes on with a fresh process.
2. A `VectorError` stops the run: a suite that cannot trust its own files gives no verdict.
3. A `PartnerError` stops the run as well: whoever is tested is not to blame, and has not passed.
4. Texts are for people; nothing compares them.
"""

from communicator_conformance.verdicts import Fault
from communicator_spec.errors import Explained

__all__ = ["ConformanceError", "Died", "Garbage", "Hung", "ListError", "PartnerError", "TesteeError", "VectorError"]


class ConformanceError(Explained):
    """Root of all errors that this package raises on purpose."""


class VectorError(ConformanceError):
    """A vector that breaks the schema, cites an unknown twin or was made for another standard."""


class ListError(ConformanceError):
    """An expectation list with a line that is not `test id, class, reason`."""


class PartnerError(ConformanceError):
    """The partner cannot be asked, or does not do what tests need of it."""


class TesteeError(ConformanceError):
    """The testee left the protocol; the process behind it is of no further use."""

    fault = Fault.GARBAGE


class Hung(TesteeError):
    """No answer within the time that the run allows."""

    fault = Fault.HUNG


class Died(TesteeError):
    """The process ended before it answered, or never started."""

    fault = Fault.DIED


class Garbage(TesteeError):
    """A line that is not an answer of the protocol, or answers another request."""

    fault = Fault.GARBAGE
