"""The questions that observers ask of a run: what each tries to find, in which view, by which attack.

| question | observer | finds | attack |
|---|---|---|---|
| address | sending services | hand-overs of one relationship | equal addresses |
| length | sending services | the same | close lengths |
| answers | sending services | devices of people who write to each other | sealed sender, hand-overs |
| person, arrival | receiving services, one mailbox a person | who writes to the target | sealed sender, from arrivals |
| person, fetch | the same | the same | sealed sender, from fetches |
| intersection | the same | the same | who is never missing after the target fetches |
| root, arrival | receiving services, one root a relationship | the other end's root | sealed sender, from arrivals |
| root, fetch | the same | the same | sealed sender, from fetches |
| phone | receiving services | roots of one person in other relationships | intersection of who waits |
| twin | receiving services | the same end's root at another service | who posts, and who fetches when |
| successor | receiving services | the root that took another's place | `migration.successors` |
| channel | sending and receiving services | the way back of one relationship | sealed sender, hand-overs |
| disclosure, background, least squares | network: times | to whom a device writes | the attacks of these names |
| peers | correspondents | relationships of others with the same person | sealed sender, openings |
| peer and root | a correspondent and receiving services | other roots of its peer | sealed sender, fetches |

Rules:

1. A target has got (or sent) at least `least` messages that people wrote. Of more than `most` targets, so many are
   drawn by the seed; arms that share people share targets.
2. For `person` and `root` the anchors are everything that comes to the target's mailbox, whatever it is.
3. The network knows which device hands over and to which person a mailbox belongs, but does not see the same bytes
   twice; rounds last a window, or a fifth of the mean delay if that is longer, and the delay is known. A device's own
   mailbox is no candidate.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from communicator_model.draws import subseed
from communicator_simulations.adversaries import disclosure, equality, intersection, least_squares, migration
from communicator_simulations.adversaries import sealed_sender as sealed
from communicator_simulations.adversaries import traffic as taken
from communicator_simulations.adversaries.ranking import Judged
from communicator_simulations.adversaries.traffic import Mailbox, Traffic, View
from communicator_spec import Command

__all__ = ["QUESTIONS", "Asked", "Question"]

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Asked(NamedTuple):
    """A run, and how it is looked at."""

    traffic: Traffic
    seed: int
    window_ms: int
    least: int
    most: int
    receipts: bool  # whether receipts are in the view
    period: equality.Period
    classes: equality.Classes
    delay_ms: float  # mean on the way, known to everybody
    closing: int  # the provider that closes, -1 if none
    announced_ms: int

    @property
    def without(self) -> tuple[Command, ...]:
        """What is left out of views."""
        return () if self.receipts else (Command.RECEIPT,)


class Question(NamedTuple):
    """One row of the table above."""

    observer: str
    finds: str
    ask: Callable[[Asked], list[Judged]]


# -------------------------------------------------------------------- the truth, for judges


def _wrote(traffic: Traffic) -> Flags:
    """Who wrote to whom: (reader, writer)."""
    people = int(traffic.person.max(initial=0)) + 1
    found = np.zeros((people, people), dtype=bool)
    ends = traffic.accepted[:, 2]
    found[traffic.person[ends ^ 1], traffic.person[ends]] = True
    return found


def _messages(traffic: Traffic, of: Ints) -> Ints:
    """How many messages people wrote, by a number of each end that wrote one."""
    return np.bincount(of[traffic.accepted[:, 2]], minlength=int(of.max(initial=0)) + 1)


def _drawn(asked: Asked, targets: Ints, names: Ints) -> list[int]:
    """Return at most `most` targets, in order of their names: the same people in every arm."""
    rng = np.random.Generator(np.random.PCG64(subseed(asked.seed, "targets")))
    luck = rng.random(int(names.max(initial=0)) + 1)[names[targets]]
    return sorted(targets[np.argsort(luck, kind="stable")][: asked.most].tolist())


def _named(judged: list[Judged], names: Ints) -> list[Judged]:
    """Name verdicts by person or end: things are numbered anew in every run."""
    return [Judged(int(names[target]), verdict) for target, verdict in judged if isinstance(target, int)]


# -------------------------------------------------------------------- sending services


def _by_address(asked: Asked) -> list[Judged]:
    seen, address = taken.handed(asked.traffic), equality.addresses(asked.traffic, asked.period)
    return equality.attack(seen, equality.equal(address), asked.seed, asked.most)


def _by_length(asked: Asked) -> list[Judged]:
    seen = taken.handed(asked.traffic)
    length = equality.padded(equality.lengths(seen, asked.seed), asked.classes)
    return equality.attack(seen, equality.close(length), asked.seed, asked.most)


def _answers(asked: Asked) -> list[Judged]:
    view = taken.submissions(asked.traffic, asked.without)
    number = _messages(asked.traffic, asked.traffic.person)
    wrote = _wrote(asked.traffic)
    both = wrote | wrote.T
    targets = _drawn(asked, np.flatnonzero(number[view.person] >= asked.least), view.person)
    judged = sealed.attack(
        view, targets, view.times_of, lambda i: both[view.person[i]][view.person], asked.seed, asked.window_ms
    )
    return _named(judged, view.person)


# -------------------------------------------------------------------- receiving services


def _mail(asked: Asked, mailbox: Mailbox) -> tuple[View, Ints]:
    """Return what comes to mailboxes, and when each of it is fetched (-1: never)."""
    kept = ~np.isin(asked.traffic.command, [int(command) for command in asked.without])
    return taken.arrivals(asked.traffic, mailbox, asked.without), taken.fetched_at(asked.traffic)[kept]


def _of_mailboxes(mailbox: Mailbox, *, at_fetch: bool) -> Callable[[Asked], list[Judged]]:
    def ask(asked: Asked) -> list[Judged]:
        traffic = asked.traffic
        view, until = _mail(asked, mailbox)
        if mailbox == "person":
            number, wrote = _messages(traffic, _other(traffic.person)), _wrote(traffic)
            targets = _drawn(asked, np.flatnonzero(number[view.person] >= asked.least), view.person)
        else:
            number = _messages(traffic, np.arange(traffic.person.size) ^ 1)
            targets = _drawn(asked, np.flatnonzero(number[view.end] >= asked.least), view.end)

        def right(target: int) -> Flags:
            if mailbox == "person":
                return np.asarray(wrote[view.person[target]][view.person])
            return np.asarray(view.end == view.end[target] ^ 1)

        def fetched(target: int) -> Ints:
            times: Ints = until[(view.thing == target) & (until >= 0)]
            return np.sort(times)

        anchors = fetched if at_fetch else view.times_of
        judged = sealed.attack(view, targets, anchors, right, asked.seed, asked.window_ms)
        return _named(judged, view.person if mailbox == "person" else view.end)

    return ask


def _never_missing(asked: Asked) -> list[Judged]:
    traffic = asked.traffic
    view, until = _mail(asked, "person")
    number, wrote = _messages(traffic, _other(traffic.person)), _wrote(traffic)
    targets = _drawn(asked, np.flatnonzero(number[view.person] >= asked.least), view.person)

    def fetched(target: int) -> Ints:
        times: Ints = until[(view.thing == target) & (until >= 0)]
        return np.sort(times)

    def right(target: int) -> Flags:
        return np.asarray(wrote[view.person[target]][view.person])

    return _named(intersection.seen_together(view, targets, fetched, right, asked.window_ms), view.person)


def _other(person: Ints) -> Ints:
    """For each end, the person at the other one."""
    found: Ints = person[np.arange(person.size) ^ 1]
    return found


def _one_phone(asked: Asked) -> list[Judged]:
    view, until = _mail(asked, "root")
    kept = until >= 0
    waits = view._replace(t_ms=view.t_ms[kept], thing=view.thing[kept])
    seen = np.bincount(waits.thing, minlength=view.things)
    targets = _drawn(asked, np.flatnonzero(seen >= asked.least), view.end)

    def others(target: int) -> Flags:
        return np.asarray(view.end != view.end[target])

    def right(target: int) -> Flags:
        return np.asarray(view.person == view.person[target]) & others(target)

    def fetched(target: int) -> Ints:
        times: Ints = until[kept][waits.thing == target]
        return times

    return _named(intersection.contradicted(waits, until[kept], targets, fetched, right, others), view.end)


def _twin(asked: Asked) -> list[Judged]:
    return migration.twins(asked.traffic, asked.seed, asked.least)


def _successor(asked: Asked) -> list[Judged]:
    if asked.closing < 0:
        return []
    return migration.successors(asked.traffic, asked.closing, asked.announced_ms)


# -------------------------------------------------------------------- coalitions, network, correspondents


def _channel(asked: Asked) -> list[Judged]:
    view = taken.channels(asked.traffic)
    number = _messages(asked.traffic, np.arange(asked.traffic.person.size))
    forth = np.flatnonzero((number[view.end ^ 1] >= asked.least) & (asked.traffic.person[view.end] != view.person))
    targets = _drawn(asked, forth, view.end)
    judged = sealed.attack(
        view, targets, view.times_of, lambda i: view.end == view.end[i] ^ 1, asked.seed, asked.window_ms,
        lambda i: view.person != view.person[i],
    )  # fmt: skip
    return _named(judged, view.end)


def _on_network(name: str) -> Callable[[Asked], list[Judged]]:
    def ask(asked: Asked) -> list[Judged]:
        traffic = asked.traffic
        sent, came = taken.submissions(traffic, asked.without), taken.arrivals(traffic, "person", asked.without)
        number, wrote = _messages(traffic, traffic.person), _wrote(traffic)
        targets = _drawn(asked, np.flatnonzero(number[sent.person] >= asked.least), sent.person)

        def right(target: int) -> Flags:
            return np.asarray(wrote[:, sent.person[target]][came.person])

        def others(target: int) -> Flags:
            return np.asarray(came.person != sent.person[target])

        marks, round_ms = _marks(asked), max(asked.window_ms, round(asked.delay_ms / 5))
        if name == "least squares":
            judged = least_squares.attack(sent, came, targets, right, round_ms, asked.delay_ms, marks, others)
        else:
            kind: disclosure.Kind = "uniform" if name == "disclosure" else "background"
            judged = disclosure.attack(kind, sent, came, targets, right, round_ms, asked.delay_ms, marks, others)
        return _named(judged, sent.person)

    return ask


def _marks(asked: Asked) -> tuple[Ints, Ints] | None:
    """Return the size class of each submission and arrival, None if there is only one.

    Lengths without padding are told apart in steps of 16 bytes.
    """
    if asked.classes == "one":
        return None
    traffic = asked.traffic
    seen = taken.handed(traffic)
    length = equality.padded(equality.lengths(seen, asked.seed), asked.classes) // 16
    names = np.stack((traffic.to, traffic.sent[:, 4], traffic.sent[:, 5], traffic.sent[:, 6]), axis=1)
    known = dict(zip(map(tuple, names.tolist()), length.tolist(), strict=True))
    come = [known.get((a, b, c, d), 0) for a, b, c, d in traffic.stored[:, [2, 4, 5, 6]].tolist()]
    _, mark = np.unique(np.concatenate((length, np.array(come, dtype=np.int64))), return_inverse=True)
    sent_mark, came_mark = mark[: length.size], mark[length.size :]
    hidden = [int(command) for command in asked.without]
    return sent_mark[~np.isin(seen.command, hidden)], came_mark[~np.isin(traffic.command, hidden)]


def _peers(asked: Asked) -> list[Judged]:
    traffic, view = asked.traffic, taken.openings(asked.traffic)
    holder = traffic.person[view.end]
    number = _messages(traffic, np.arange(traffic.person.size))
    targets = _drawn(asked, np.flatnonzero(number[view.end ^ 1] >= asked.least), view.end)
    judged = sealed.attack(
        view, targets, view.times_of, lambda i: view.person == view.person[i], asked.seed, asked.window_ms,
        lambda i: holder != holder[i],
    )  # fmt: skip
    return _named(judged, view.end)


def _peer_and_root(asked: Asked) -> list[Judged]:
    """The anchors are when the peer's root of this relationship is fetched, and when something of the peer comes."""
    traffic, view = asked.traffic, taken.fetches(asked.traffic, "root")
    came = taken.arrivals(traffic, "root")
    number = _messages(traffic, np.arange(traffic.person.size) ^ 1)
    targets = _drawn(asked, np.flatnonzero(number[view.end] >= asked.least), view.end)

    def seen(target: int) -> Ints:
        wrote = came.t_ms[came.end[came.thing] == view.end[target] ^ 1]
        return np.unique(np.concatenate((view.times_of(target), wrote)))

    judged = sealed.attack(
        view, targets, seen, lambda i: (view.person == view.person[i]) & (view.end != view.end[i]), asked.seed,
        asked.window_ms, lambda i: view.end != view.end[i],
    )  # fmt: skip
    return _named(judged, view.end)


_SSA, _RSA, _BOTH, _NET = "sending services", "receiving services", "sending and receiving services", "network"

QUESTIONS: Final[Mapping[str, Question]] = {
    "address": Question(_SSA, "hand-overs of one relationship", _by_address),
    "length": Question(_SSA, "hand-overs of one relationship", _by_length),
    "answers": Question(_SSA, "devices that write to each other", _answers),
    "person, arrival": Question(_RSA, "who writes to a person", _of_mailboxes("person", at_fetch=False)),
    "person, fetch": Question(_RSA, "who writes to a person", _of_mailboxes("person", at_fetch=True)),
    "intersection": Question(_RSA, "who writes to a person", _never_missing),
    "root, arrival": Question(_RSA, "the other end's root", _of_mailboxes("root", at_fetch=False)),
    "root, fetch": Question(_RSA, "the other end's root", _of_mailboxes("root", at_fetch=True)),
    "phone": Question(_RSA, "other roots of one person", _one_phone),
    "twin": Question(_RSA, "the same end's other service", _twin),
    "successor": Question(_RSA, "the root that took its place", _successor),
    "channel": Question(_BOTH, "the way back", _channel),
    "disclosure": Question(_NET, "to whom a device writes", _on_network("disclosure")),
    "background": Question(_NET, "to whom a device writes", _on_network("background")),
    "least squares": Question(_NET, "to whom a device writes", _on_network("least squares")),
    "peers": Question("correspondents", "relationships with the same person", _peers),
    "peer and root": Question("a correspondent and receiving services", "other roots of its peer", _peer_and_root),
}
