"""The account of transmissions: what devices sent was taken by sending services, or waits, or ended before that.

Theory. The protocol repairs its own losses: a message whose transmission is lost goes out again over another path, and
arrives. So a promise that was broken on the way may show in no message. What shows it is the sum: as many transmissions
as devices report to have sent to a receiving service by a sending one are taken there, but for those that devices still
hold, and those that they dropped because their time was over. From there on the invariants of the standard hold each
request to account (`accounted`, `kept-until-confirmed`, `only-peers`).

Rules:

1. Rows are read once, in the order of the merged log.
2. What is held may have been taken already: whoever died before the answer came sends it again, and it counts once.
3. Where a device or a service went on with an older store, the sum says nothing: it is for runs without that.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from communicator_spec import NONE, Kind
from communicator_spec.events import Row

__all__ = ["Way", "sent_and_taken"]

Way = tuple[int, int]
"""A sending service and the receiving service behind it, by their numbers in the log."""


def sent_and_taken(rows: Iterable[Row], waiting: Mapping[Way, int], dropped: int) -> list[str]:
    """Return what does not add up.

    `waiting` counts the parcels that devices still hold, by where they are to go; `dropped` those that devices have
    thrown away because their time was over, or more, if a device died while it did.
    """
    sent, taken = Counter[Way](), Counter[Way]()
    for _, kind, _, _, service, _, _, via, _ in rows:
        if kind == Kind.SENT:
            sent[via, service] += 1
        elif kind == Kind.TAKEN and via != NONE:
            taken[via, service] += 1
    missing = {way: sent[way] - taken[way] for way in sorted({*sent, *taken})}
    found = [f"{-n} were taken and never sent, {_said(way)}" for way, n in missing.items() if n < 0]
    lost = {way: n - waiting.get(way, 0) for way, n in missing.items() if n > waiting.get(way, 0)}
    if sum(lost.values()) > dropped:
        found += [f"{n} were sent, and not taken, {_said(way)}; {dropped} ended" for way, n in lost.items()]
    return found


def _said(way: Way) -> str:
    return f"by {way[0]} to {way[1]}"
