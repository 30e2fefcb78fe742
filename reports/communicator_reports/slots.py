"""What the text of a study may name: the numbers and names of a folder of results.

`Slots` has a method or attribute for each. Numbers are quantities, so that a document keeps them with their intervals.
Policies and faults are named as in the scenario; measures as in `measures.MEASURES`, rare ones per ten thousand.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from communicator_reports.claims import Judged, say
from communicator_reports.figures.delays import moved_under
from communicator_reports.figures.games import advantage_of
from communicator_reports.findings import Findings, Game
from communicator_reports.measures import MEASURES, PER, Estimates
from communicator_reports.prose import Name
from communicator_reports.quantities import Quantity, counted, measured, number, percent, plain, shown, timed
from communicator_reports.studies import Study, StudyError

__all__ = ["slots"]

_WHEN: Final = {
    "none": "nothing fails",
    "sunset": "the provider closes after notice",
    "death": "the provider dies without warning",
    "outage": "the provider is out for a while",
}
_QUANTILES: Final = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}


def slots(study: Study, findings: Findings, estimates: Estimates, claims: Sequence[Judged]) -> dict[str, object]:
    """Return everything that a text may name."""
    return {
        **_conditions(findings), **_checks(findings), **_links(findings), **_estimates(findings, estimates),
        "cite": lambda name: _cite(study, name),
        "count_of": lambda values: counted(len(values)),
        "claim": lambda name: say(claims, name),
        "claims": bool(claims),
    }  # fmt: skip


def _conditions(findings: Findings) -> dict[str, object]:
    """What was simulated."""
    s = findings.summary
    trace, phones, days, weather = s.data.trace, s.data.phones, s.days, s.scenario.weather
    return {
        "question": Name(s.scenario.question.replace("'", "’")),
        "scenario": Name(s.scenario.name),
        "synthetic": s.data.synthetic,
        "calibrated": bool(s.data.calibration),
        "fidelity": s.fidelity,
        "policies": s.policies,
        "faults": s.faults,
        "quiet": "none" if "none" in s.faults else s.faults[0],
        "one_alone": s.replications == 1,
        "replications": counted(s.replications),
        "seed": shown(str(s.seed), s.seed),
        "people": counted(trace.people),
        "messages": counted(trace.messages),
        "pairs": counted(trace.pairs),
        "days": _number(trace.days),
        "trace": Name(trace.name),
        "phones": counted(phones.count),
        "phones_name": Name(phones.name),
        "online": _percent(phones.online_share),
        "providers": counted(s.scenario.people.providers),
        "zipf": _number(s.scenario.people.zipf),
        "loss": _percent(weather.loss),
        "refusals": _percent(weather.refusal_share),
        "day": {name: _number(getattr(days, name)) for name in ("fault", "closing", "horizon")},
        "kept": bool(findings.kept),
        "moved": bool(moved_under(findings)),
        "per": counted(PER),
        "confidence": _percent(0.95),
        "when": lambda fault: _WHEN[fault],
        "label": lambda policy: Name(findings.policy(policy).label),
        "description": lambda policy: Name(findings.policy(policy).description),
        "quantile": lambda name: _percent(_QUANTILES[name] / 100),
    }


def _checks(findings: Findings) -> dict[str, object]:
    """What the invariants and the vectors said."""
    rows, vectors = findings.summary.invariants, findings.vectors
    return {
        "invariants": counted(len(rows)),
        "clauses": counted(len({clause for row in rows for clause in row.clauses})),
        "events": counted(max(row.events for row in rows)),
        "broken": ", ".join(row.name for row in rows if row.violations),
        "vectors": None if vectors is None else counted(len(findings.vector_results)),
        "passed": None if vectors is None else counted(vectors.counts.get("passed", 0)),
        "conforms": vectors is not None and vectors.ok,
        "testee": None if vectors is None else Name(vectors.testee),
        "failed": [
            Name(f"{r.id} {r.detail}".replace("`", "’")) for r in findings.vector_results if r.status == "failed"
        ],
    }


class _Linked(NamedTuple):
    """The best that a role did in the linkage games."""

    advantage: Quantity
    role: str
    distinguisher: str


def _links(findings: Findings) -> dict[str, object]:
    """What each role linked of what it must not."""
    forbidden = [g for g in findings.games if g.interval is not None and not g.permitted]
    return {
        "games": bool(findings.games),
        "known": bool(findings.knowledge),
        "designed": _best([g for g in forbidden if g.designed]),
        "planted": _best([g for g in forbidden if not g.designed]),
    }


def _best(games: Sequence[Game]) -> _Linked | None:
    if not games:
        return None
    top = max(games, key=lambda game: game.advantage or 0.0)
    return _Linked(advantage_of(top), top.role, top.distinguisher)


def _estimates(findings: Findings, estimates: Estimates) -> dict[str, object]:
    """What was measured."""
    policies, faults = findings.summary.policies, findings.summary.faults

    def of(measure: str, fault: str, policy: str) -> Quantity:
        rare = MEASURES[measure].of is not None
        found = estimates.of(MEASURES[measure], fault, policy)
        return measured(found, PER, floor=0.0) if rare else measured(found)

    def within(measure: str, fault: str, policy: str) -> Quantity:
        seconds = estimates.of(MEASURES[measure], fault, policy).mean
        return Quantity("an unknown time") if plain(seconds) is None else timed(seconds)

    def times(measure: str, policy: str) -> Quantity:
        return counted(sum(estimates.events(MEASURES[measure], fault, policy) for fault in faults))

    return {
        "base": estimates.baseline,
        "worst": lambda measure: estimates.worst_fault(MEASURES[measure], faults),
        "best": lambda measure: estimates.best_policy(MEASURES[measure], faults, policies),
        "of": of,
        "within": within,
        "times": times,
        "total": lambda column, policy: counted(sum(estimates.total(column, fault, policy) for fault in faults)),
    }


def _cite(study: Study, name: str) -> Name:
    for source in study.source:
        if source.name == name:
            return Name(f"[{source.cite}]")
    raise StudyError(f"no source {name!r} in the study; there are: {', '.join(s.name for s in study.source)}")


def _number(value: float) -> Quantity:
    return shown(number(value), value)


def _percent(share: float) -> Quantity:
    return shown(percent(share), 100 * share)
