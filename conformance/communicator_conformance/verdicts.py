"""What a run says: a result for each test, and one verdict over all of them.

Theory. A test passes, fails or is skipped; a failure has a **fault**, a short word from a closed
list that says what kind of wrong it was. Faults are what expectation lists name and what two runs
are compared by; the detail beside them is for people. The verdict is a value: the same testee and
the same suite give the same verdict, byte for byte, so it holds no time and no path.

Rules:

1. A run without a single passed vector is no success, whatever was skipped.
2. An expected failure is not a pass: it is counted by itself and shown.
3. The digests name what was compared with what: suite, standard, vectors and testee.
4. A testee's log on stderr is shown to people and is no part of a result: it is the one thing that the protocol leaves
   free, and it has process ids and times in it.
"""

import re
from enum import StrEnum
from typing import Final

import msgspec

__all__ = ["LOG_MARK", "Digests", "Fault", "Result", "Status", "Verdict", "Witness"]

LOG_MARK: Final = "!"
"""Stands before a line of a testee's log, where → and ← stand before lines exchanged."""
_LOG: Final = re.compile(rf"[^→←]*?{LOG_MARK} ")  # in a script or trace the name of the role stands first


class Status(StrEnum):
    """What became of one test."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"  # the hello does not offer what it needs
    EXPECTED = "expected"  # failed exactly as the expectation list says


class Fault(StrEnum):
    """How a test failed: a word for machines, and its `meaning`, what the testee did, for people."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> "Fault":
        """Return a fault that is its word."""
        fault = str.__new__(cls, word)
        fault._value_ = word
        fault.meaning = meaning
        return fault

    ACCEPTED = "accepted", "took what must be refused"
    REJECTED = "rejected", "refused what must be taken"
    WRONG_CLASS = "wrong-class", "refused it for another cause"
    IGNORED = "ignored", "ignored what must be taken or refused"
    MISMATCH = "mismatch", "took it, with another result"
    SCHEMA = "schema", "took it, and gave what does not have the form of its place"
    STATE = "state", "ended in another state"
    NOT_LIVE = "not-live", "refused rightly, and was of no use afterwards"
    VACUOUS = "vacuous", "refused rightly, but the faultless twin fails as well"
    UNSUPPORTED = "unsupported", "does not have what its hello offers"
    DISHONEST = "dishonest", "knows an operation that does not exist"
    LOST = "lost", "something was said and never arrived"
    DOUBLED = "doubled", "something arrived twice"
    INVARIANT = "invariant", "what was reported breaks a promise of the standard"
    UNMET = "unmet", "something that the script expects is not so"
    UNFIRED = "unfired", "the script's own fault never happened, so nothing was tested"
    TOLD_APART = "told-apart", "answers otherwise, or at another time, where nobody may see a difference"
    LINKED = "linked", "lets somebody tell what the standard hides from him"
    HUNG = "hung", "gave no answer in time"
    DIED = "died", "ended, or never started"
    GARBAGE = "garbage", "said what is no answer of the protocol"
    LISTED_BUT_PASSING = "listed-but-passing", "is on the list of known failures, and passes"
    LISTED_BUT_SKIPPED = "listed-but-skipped", "is on the list of known failures, and is skipped"
    LISTED_BUT_UNKNOWN = "listed-but-unknown", "is on the list of known failures, and there is no such test"


class Witness(msgspec.Struct, frozen=True):
    """Why two events can be linked: `length` bytes that both have, each from its own offset on.

    `left` and `right` are what an observer saw, in hex; offsets and length are in bytes.
    """

    left_name: str
    right_name: str
    left: str
    right: str
    left_offset: int
    right_offset: int
    length: int


class Result(msgspec.Struct, frozen=True):
    """The result of one test; a vector cites clauses, a test of the protocol itself none.

    `lines` are the lines exchanged in a test that failed, as they were, or in any test of a run that keeps them all,
    and the end of the log of a process that was given up; `witness` is what a privacy game found; `met` says which
    roles of the two programs of a play met: `rm-rm`, `ssa-rsa`, `rm-ssa` or `rm-rsa`.
    """

    id: str
    status: Status
    clauses: tuple[str, ...] = ()
    fault: Fault | None = None
    detail: str = ""
    lines: tuple[str, ...] = ()
    witness: Witness | None = None
    met: tuple[str, ...] = ()

    @property
    def log(self) -> tuple[str, ...]:
        """The lines that come from the testee's log."""
        return tuple(line for line in self.lines if _LOG.match(line))

    @property
    def bare(self) -> "Result":
        """The same without the testee's log: what two runs have in common."""
        return msgspec.structs.replace(self, lines=tuple(line for line in self.lines if not _LOG.match(line)))


class Digests(msgspec.Struct, frozen=True):
    """SHA-256 of what took part, in hex: a claim names them so that it can be run again."""

    suite: str
    spec: str
    vectors: str
    testee: str


class Verdict(msgspec.Struct, frozen=True):
    """All results of one run against one testee; it offers `offers`, and was run with `seed` and `select`.

    `whole` says whether the suite's own tests were asked for, not the vectors of a folder or one service of several.
    """

    testee: str
    digests: Digests
    results: tuple[Result, ...]
    seed: int = 0
    select: str = "*"
    offers: tuple[str, ...] = ()
    whole: bool = True

    def count(self, status: Status) -> int:
        """Return how many tests ended like this."""
        return sum(r.status is status for r in self.results)

    @property
    def ok(self) -> bool:
        """Whether nothing failed and some vector passed: the exit code."""
        judged = any(r.status is Status.PASSED and r.clauses for r in self.results)  # rule 1
        return judged and self.count(Status.FAILED) == 0

    @property
    def failures(self) -> tuple[Result, ...]:
        """The results that make the verdict a bad one."""
        return tuple(r for r in self.results if r.status is Status.FAILED)
