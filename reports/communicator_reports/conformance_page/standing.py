"""What a verdict says in two words, for the head of the page and for the badge.

Theory. "Conforms" is a claim, and readers of a badge do not see what was left out. So it is only said when every test
of the suite was played and passed; a run that skipped something, was told to play less or other tests, or has known
failures is partial, whatever its exit code. So is one of which nobody says what it was told.
"""

from typing import Final, NamedTuple

from communicator_conformance import Status, Verdict

__all__ = ["MARKS", "Standing", "standing"]

MARKS: Final = {"passed": "✓", "failed": "✗", "skipped": "–", "expected": "!", "none": "·", "untestable": "·"}
"""What stands beside a status, so that nothing depends on colours."""

_ROLES: Final = ("rm", "ssa", "rsa", "ds", "as")


class Standing(NamedTuple):
    """`tone` is a status of `MARKS`, `words` the claim, `why` what it rests on."""

    tone: str
    words: str
    why: str


def standing(verdict: Verdict) -> Standing:
    """Return what may be claimed of a verdict."""
    failed, passed = verdict.count(Status.FAILED), verdict.count(Status.PASSED)
    if failed:
        return Standing("failed", "does not conform", f"{failed:,} failed")
    if not verdict.ok:
        return Standing("failed", "not tested", "nothing passed")
    if known := verdict.count(Status.EXPECTED):
        return Standing("expected", "partial", _many(known, "known failure"))
    if verdict.select != "*" or not verdict.whole:
        return Standing("expected", "partial", _many(passed, "selected test"))
    if verdict.count(Status.SKIPPED):
        roles = ", ".join(role for role in _ROLES if role in verdict.offers)
        return Standing("expected", "partial", f"roles {roles}" if roles else _many(passed, "test"))
    return Standing("passed", "conforms", _many(passed, "test"))


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
