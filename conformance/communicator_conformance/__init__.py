"""Conformance: hold any implementation, in any language, against the standard.

::

    verdict = run(["./my-adapter", "--quiet"])      # a program that speaks the line protocol
    verdict = run(["reference"])                    # the reference implementation, started the same way
    verdict.ok, verdict.failures

The suite is black-box: it starts a program and talks to it over pipes (`protocol`, `testee`), plays
the published vectors (`vectors`, `runner`), holds the results against the implementer's list of
known failures (`expectations`) and writes reports (`report`). It imports no implementation.
"""

from communicator_conformance._run import run
from communicator_conformance.errors import ConformanceError, ListError, TesteeError, VectorError
from communicator_conformance.verdicts import Digests, Fault, Result, Status, Verdict, Witness

__all__ = [
    "ConformanceError",
    "Digests",
    "Fault",
    "ListError",
    "Result",
    "Status",
    "TesteeError",
    "VectorError",
    "Verdict",
    "Witness",
    "run",
]
