"""What happens to bytes on their way: the faults of a script, each counted.

Theory. A fault is a row of the script; whether it applies to a passage depends on the link, the time, the service and
how many passages it has seen, and on nothing else. So the same script does the same, and a fault that never fired is
known.
"""

from collections.abc import Sequence

from communicator_conformance.scripts.script import Fault, FaultKind, Link, seconds

__all__ = ["Passages"]

_REPLAY_S = 3600


class _Rule:
    """One fault, with what it has seen and done."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.since_s, self.until_s, self.by_s = seconds(fault.since), seconds(fault.until), seconds(fault.by)
        self.seen = 0
        self.fired = 0

    def fires(self, link: Link, service: str, now_s: int) -> bool:
        """Tell whether it applies to this passage."""
        here = link is self.fault.link and self.fault.service in ("", service)
        if not here or not self.since_s <= now_s < self.until_s or self.fired >= self.fault.most:
            return False
        self.seen += 1
        if self.seen % self.fault.every:
            return False
        self.fired += 1
        return True


class Passages:
    """All faults of one play."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._rules = [_Rule(fault) for fault in faults]

    def through(self, link: Link, service: str, now_s: int, data: str) -> list[tuple[int, str]]:
        """Return what arrives of one passage: how many seconds late, and which bytes, in hex."""
        arriving = [(0, data)]
        for rule in self._rules:
            if rule.fault.kind is not FaultKind.REORDER and rule.fires(link, service, now_s):
                arriving = _applied(rule, arriving)
        return arriving

    def fetched(self, service: str, now_s: int, found: Sequence[str]) -> list[str]:
        """Return what arrives of an answer to a fetch; what is delayed is fetched again."""
        arriving = [
            data for one in found for late_s, data in self.through(Link.FETCH, service, now_s, one) if not late_s
        ]
        for rule in self._rules:
            backwards = rule.fault.kind is FaultKind.REORDER and len(arriving) > 1
            if backwards and rule.fires(Link.FETCH, service, now_s):
                arriving.reverse()
        return arriving

    def unfired(self) -> list[Fault]:
        """Return the faults that never happened."""
        return [rule.fault for rule in self._rules if rule.fired == 0]


def _applied(rule: _Rule, arriving: list[tuple[int, str]]) -> list[tuple[int, str]]:
    match rule.fault.kind:
        case FaultKind.DROP:
            return []
        case FaultKind.DELAY:
            return [(late_s + rule.by_s, data) for late_s, data in arriving]
        case FaultKind.DUPLICATE:
            return arriving * 2
        case FaultKind.REPLAY:
            return arriving + [(late_s + (rule.by_s or _REPLAY_S), data) for late_s, data in arriving]
        case _:
            return [(late_s, _spoilt(data)) for late_s, data in arriving]


def _spoilt(data: str) -> str:
    """Change one byte in the middle, which is inside the ciphertext of any message."""
    raw = bytearray.fromhex(data)
    raw[len(raw) // 2] ^= 1
    return raw.hex()
