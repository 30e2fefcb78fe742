"""The result of all games as a table and as data: what the command prints.

The schemes as designed are played on every story and, if asked for, on random walks; the scheme as drafted on every
story; every weakening on the short one. A run fails if a scheme as designed has a breach or a forgery, if the drafts'
weaknesses are not found, or if a weakening does not have exactly the consequences that are written beside it.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from communicator_spec.formal.unlinkability.forgery import forge, stored_copies
from communicator_spec.formal.unlinkability.games import Link, Verdict, judge, links, party_text, tells_roots
from communicator_spec.formal.unlinkability.things import Counting, Scheme
from communicator_spec.formal.unlinkability.traces import Trace, stories, story
from communicator_spec.formal.unlinkability.weakenings import WEAKENINGS, Weakening
from communicator_spec.views import Relation, Role, knowledge_of

__all__ = ["DESIGNED", "DRAFTED_SCHEME", "Line", "Report", "drafted_threats", "minimal", "report", "weakened"]

DESIGNED: Final = (Scheme("two-layer/1", "two-layer/1"), Scheme("label/1", "label/1"))
DRAFTED_SCHEME: Final = Scheme("as drafted", "drafted")


class Line(msgspec.Struct, frozen=True):
    """One line: in which scheme, which party, which relation or threat, what came out, and whether it should."""

    scheme: str
    party: str
    relation: str
    outcome: str
    expected: bool
    run: str = ""
    recipe: str = ""


class Report(msgspec.Struct, frozen=True):
    """Everything that was played."""

    runs: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def passed(self) -> bool:
        """Is everything as it should be?"""
        return all(line.expected for line in self.lines)


def minimal(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the breaches of parties of which no smaller one tells the same."""
    breaches = [v for v in verdicts if v.is_breach]
    return [v for v in breaches if not any(_is_less(other, v) for other in breaches)]


def _is_less(other: Verdict, than: Verdict) -> bool:
    smaller = len(other.party) < len(than.party) and set(other.party) <= set(than.party)
    return smaller and other.relation is than.relation


def _line(verdict: Verdict, expected: bool) -> Line:
    link = verdict.link
    outcome = "linked" if link else "unlinkable"
    if verdict.permitted:
        outcome = "permitted, learnt" if link else "permitted, not learnt"
    run, recipe = (link.trace, link.recipe) if link else ("", "")
    return Line(verdict.scheme, party_text(verdict.party), verdict.relation, outcome, expected, run, recipe)


def designed(scheme: Scheme, played: Sequence[Trace], more: Sequence[Trace]) -> list[Line]:
    """Play a scheme in which nothing forbidden may be learnt and nothing forged; what is permitted only on `played`."""
    further = {(v.party, v.relation): v for v in judge(scheme, more, permitted=False) if v.link}
    verdicts = [further.get((v.party, v.relation), v) for v in judge(scheme, played)]
    traces = [*played, *more]
    roots = next(
        (link for trace in traces for counting in Counting if (link := tells_roots(trace, scheme, counting))), None
    )
    told = ("linked", False, roots.trace, roots.recipe) if roots else ("unlinkable", True)
    apart = Line(scheme.name, "receiving service", "two roots of one relationship", *told)
    copies = stored_copies(takes_twice=False)
    again = Line(scheme.name, "sending service", "T4: sent twice", f"stored {copies} times", copies == 1)
    return [*(_line(v, not v.is_breach) for v in verdicts), apart, _forgery(scheme, traces, wanted=False), again]


def _threat(name: str, party: str, link: Link | None, wanted: frozenset[Role]) -> Line:
    found = link is not None and frozenset(place.role for place in link.places) == wanted
    run, recipe = (link.trace, link.recipe) if link else ("", "")
    return Line(DRAFTED_SCHEME.name, party, name, "linked" if found else "not found", found, run, recipe)


def drafted_threats(traces: Sequence[Trace]) -> list[Line]:
    """Find T1, T3, T4, T5 and T6 in the scheme as drafted."""
    correspondent, receiving, silence = Role.CORRESPONDENT, Role.RECEIVING, story("silence")
    person = Relation.SAME_PERSON

    def first(trace: Trace, *party: Role) -> Link | None:
        return next(iter(links(trace, DRAFTED_SCHEME, person, [knowledge_of(*party)])), None)

    pair, both = (correspondent, correspondent), (correspondent, receiving)
    lines = [
        _threat("T1: same person", party_text(pair), first(traces[0], *pair), frozenset(pair)),
        _threat("T5: same person", party_text([receiving]), first(traces[0], receiving), frozenset([receiving])),
        _threat("T6: same person", party_text(both), first(silence, *both), frozenset(both)),
    ]
    name, copies = DRAFTED_SCHEME.name, stored_copies(takes_twice=True)
    lines.append(_forgery(DRAFTED_SCHEME, traces, wanted=True))
    lines.append(Line(name, "sending service", "T4: sent twice", f"stored {copies} times", copies > 1))
    return lines


def _forgery(scheme: Scheme, traces: Sequence[Trace], wanted: bool) -> Line:
    """Return the line of T3."""
    found = forge(scheme, traces)
    if found is None:
        return Line(scheme.name, "all who may not send", "T3: other bytes", "not forged", not wanted)
    party = party_text(place.role for place in found.places)
    return Line(scheme.name, party, "T3: other bytes", "forged", wanted, found.trace, found.recipe)


def weakened(weakening: Weakening, trace: Trace) -> list[Line]:
    """Play a weakened scheme; a consequence that is not expected, or expected and missing, has a line of its own."""
    scheme = weakening.scheme
    found = {(v.party, v.relation): v for v in minimal(judge(scheme, [trace], permitted=False))}
    lines = [_line(verdict, key in weakening.breaches) for key, verdict in found.items()]
    for party, relation in sorted(weakening.breaches - found.keys()):
        lines.append(Line(scheme.name, party_text(party), relation, "not found", False))
    forgery = _forgery(scheme, [trace], weakening.forges)
    return lines if lines and forgery.expected and not weakening.forges else [*lines, forgery]


def report(more: Sequence[Trace] = ()) -> Report:
    """Play everything; `more` are further runs for the schemes as designed. Cost: about 15 s, 1 s for each."""
    played = stories()
    lines: list[Line] = []
    for scheme in DESIGNED:
        lines += designed(scheme, played, more)
    lines += [_line(v, True) for v in minimal(judge(DRAFTED_SCHEME, played, permitted=False))]
    lines += drafted_threats(played)
    brief = story("brief")
    for weakening in WEAKENINGS:
        lines += weakened(weakening, brief)
    return Report(tuple(trace.name for trace in (*played, *more)), tuple(lines))
