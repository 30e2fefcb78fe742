"""The sentences of a report, made from its numbers.

A sentence says what was measured with its interval and leaves judging to the reader. Where a scenario varies less than
the usual one, what is not there is not spoken of.
"""

from typing import Final

from communicator_reports.figures.games import words_of
from communicator_reports.findings import Findings
from communicator_reports.measures import AUTOMATED, CUT_OFF, EXPOSED, LATENCIES, PER, UNDELIVERED, Estimates, Measure
from communicator_reports.quantities import count, duration, number, percent, with_interval

__all__ = ["abstract", "limits", "method", "sentences_on", "title"]

_WHEN: Final = {
    "none": "nothing fails",
    "sunset": "the provider closes after notice",
    "death": "the provider dies without warning",
    "outage": "the provider is out for a while",
}


def title(findings: Findings) -> str:
    """Return the title: the question of the scenario."""
    return findings.summary.scenario.question.replace("'", "’")


def abstract(findings: Findings, estimates: Estimates) -> str:
    """Return the whole study in one paragraph."""
    summary, trace = findings.summary, findings.summary.data.trace
    made = "synthetic " if summary.data.synthetic else ""
    parts = [
        f"{count(trace.people)} people exchange {count(trace.messages)} {made}messages over {number(trace.days)} days"
        f" through {summary.scenario.people.providers} providers while the most popular one fails.",
        _contrast(findings, estimates),
        _checked(findings),
        _linked(findings),
    ]
    return " ".join(part for part in parts if part)


def sentences_on(findings: Findings, estimates: Estimates) -> dict[str, str]:
    """Return the lead of each section of results."""
    return {
        "messages": _contrast(findings, estimates)
        + " A message counts as not delivered if the application was told so, or if it is still waiting at the end;"
        " exposed are messages to people whose first choice is the provider that fails.",
        "relationships": _relationships(findings, estimates),
        "latency": _latency(findings, estimates),
        "load": _load(findings, estimates),
        "linkage": _linked(findings),
    }


def method(findings: Findings) -> list[str]:
    """Return how it was done, in paragraphs."""
    return [_world(findings), _design(findings), _judges(findings)]


def limits(findings: Findings) -> tuple[str, ...]:
    """Return what the study does not say."""
    summary = findings.summary
    few = (
        f"Intervals rest on {summary.replications} replications and assume that means are nearly normal; the factor of"
        " Student’s t is in them." if summary.replications > 1 else
        "One replication alone has no interval; the numbers here show how the report looks, not what is true."
    )  # fmt: skip
    return (
        few,
        "Where nothing happened in any replication, the upper end is Wilson’s for the pooled count. It takes"
        " messages as independent; losses come in bursts, so the true upper end is higher.",
        "The messages were written in a system that worked. Nobody here writes less, or turns to another medium,"
        " because messages get lost.",
        "One provider fails at a time, apart from short outages of all of them. Two at once would cut off people who"
        " use just these two.",
        "The model of the network has no congestion: servers are never slow because they are busy.",
        "Linkage is tested with the distinguishers named here. A small advantage says that these fail, not that all"
        " do.",
        "The standard promises that bytes do not link. Lengths, times and counts are measured beside them and not"
        " promised: a correspondent who keeps two relationships with one person takes part in both conversations, and"
        " people write in bursts, which a sending service sees. Naming the same two services in every relationship"
        " links them: choose different ones where that matters.",
    )  # fmt: skip


def _world(findings: Findings) -> str:
    s, data = findings.summary, findings.summary.data
    source = "a synthetic population" if data.synthetic else f"the trace `{data.trace.name}`"
    on_line = percent(data.phones.online_share)
    phones = f"{count(data.phones.count)} phones of `{data.phones.name}`, on line {on_line} of the time"
    what = "the population model" if s.fidelity == "model" else "the real cores with real cryptography"
    return (
        f"A discrete-event simulation runs {what}: relationship managers on phones, sending and receiving services,"
        f" with the standard’s policies. Who writes to whom and when comes from {source} ({count(data.trace.pairs)}"
        f" relationships); when devices are reachable from {phones}. Each person chooses providers out of"
        f" {s.scenario.people.providers} by popularity (Zipf, exponent {number(s.scenario.people.zipf)}). The network"
        f" loses {percent(s.scenario.weather.loss)} of the transmissions, every provider has short outages, strangers"
        f" inject junk, and {percent(s.scenario.weather.refusal_share)} of the relationships are refused at some time."
    )  # fmt: skip


def _design(findings: Findings) -> str:
    s = findings.summary
    closing = (
        f" An announced provider goes on until day {number(s.days.closing)}." if "sunset" in s.faults else ""
    )  # fmt: skip
    return (
        f"{len(s.policies)} policies run under {len(s.faults)} faults, {s.replications} times each. Within a"
        " replication all of them share people, phones, network and messages, so differences are taken pair by pair."
        f" The provider under study fails on day {number(s.days.fault)}; messages accepted before are warm-up and not"
        f" counted.{closing} The run ends on day {number(s.days.horizon)}, later than any message may wait. A message"
        " to somebody who refuses the sender is neither delivered nor lost. Intervals are Student’s at 95 % over"
        " replications."
    )  # fmt: skip


def _judges(findings: Findings) -> str:
    rows = findings.summary.invariants
    clauses = {clause for row in rows for clause in row.clauses}
    return (
        f"{len(rows)} monitors read every event log and check what the standard promises ({len(clauses)} clauses):"
        " among others that a message is delivered at most once, that none is lost without notice, that no address is"
        " used after its date, and that whoever leaves a provider leaves nothing behind."
    )  # fmt: skip


def _contrast(findings: Findings, estimates: Estimates) -> str:
    """Set the baseline against the best policy, under the fault that costs most."""
    s = findings.summary
    worst = estimates.worst_fault(UNDELIVERED, s.faults)
    best = estimates.best_policy(UNDELIVERED, s.faults, s.policies)
    base = findings.policy(estimates.baseline)
    first = (
        f"When {_WHEN[worst]}, **{_rare(estimates, UNDELIVERED, worst, base.name)} of 10 000 messages** are not"
        f" delivered under “{base.label}”, and {_rare(estimates, EXPOSED, worst, base.name)} of those to people who"
        " rely on that provider."
    )  # fmt: skip
    if best == base.name:
        return first
    lost = sum(estimates.events(UNDELIVERED, fault, best) for fault in s.faults)
    of = sum(estimates.total("messages", fault, best) for fault in s.faults)
    amount = "**none**" if lost == 0 else f"**{count(lost)}**"
    verb = "is" if lost < 2 else "are"
    better = findings.policy(best).label
    return f"{first} Under “{better}”, {amount} of {count(of)} messages {verb} lost over all faults together."


def _relationships(findings: Findings, estimates: Estimates) -> str:
    s = findings.summary
    worst = estimates.worst_fault(CUT_OFF, s.faults)
    parts = [f"{_rare(estimates, CUT_OFF, worst, name)} under “{findings.policy(name).label}”" for name in s.policies]
    return f"When {_WHEN[worst]}, of 10 000 relationships are cut off for good: {', '.join(parts)}."


def _latency(findings: Findings, estimates: Estimates) -> str:
    s, (median, _, late, _) = findings.summary, LATENCIES
    worst = estimates.worst_fault(late, s.faults)
    parts = [
        f"{duration(estimates.of(late, worst, name).mean)} under “{findings.policy(name).label}”" for name in s.policies
    ]
    quiet = "none" if "none" in s.faults else s.faults[0]
    usual = duration(estimates.of(median, quiet, estimates.baseline).mean)
    return (
        f"When {_WHEN[quiet]}, half of the messages arrive within {usual}; the rest wait for phones to come on line."
        f" When {_WHEN[worst]}, 99 % of what is delivered arrives within {', '.join(parts)}."
    )


def _load(findings: Findings, estimates: Estimates) -> str:
    s = findings.summary
    worst = estimates.worst_fault(UNDELIVERED, s.faults)
    parts = [
        f"{with_interval(estimates.of(AUTOMATED, worst, name))} under “{findings.policy(name).label}”"
        for name in s.policies
    ]
    return (
        f"When {_WHEN[worst]}, devices send by themselves, for each message that a person writes: {', '.join(parts)}."
    )


def _checked(findings: Findings) -> str:
    rows, vectors = findings.summary.invariants, findings.vectors
    broken = [row.name for row in rows if row.violations]
    events = count(max(row.events for row in rows))
    held = f"**violated: {', '.join(broken)}**" if broken else "none is violated"
    text = f"{len(rows)} invariants were checked over {events} events: {held}."
    if vectors is not None:
        passed, all_ = vectors.counts.get("passed", 0), len(findings.vector_results)
        text += " Of the published vectors and scripts, the reference implementation passes"
        text += f" {count(passed)} of {count(all_)}."
    return text


def _linked(findings: Findings) -> str:
    forbidden = [(g.interval.mean, g) for g in findings.games if g.interval is not None and not g.permitted]
    designed = [found for found in forbidden if found[1].designed]
    broken = [found for found in forbidden if not found[1].designed]
    if not designed:
        return ""
    top = max(designed, key=lambda found: found[0])[1]
    text = (
        "Of the links that the standard forbids, the best that any role achieves against the reference implementation"
        f" is an advantage of {words_of(top)} over guessing ({top.role}, by {top.distinguisher})"
    )
    if broken:
        text += f"; against an implementation broken on purpose, {words_of(max(broken, key=lambda f: f[0])[1])}"
    return text + "."


def _rare(estimates: Estimates, measure: Measure, fault: str, policy: str) -> str:
    return with_interval(estimates.of(measure, fault, policy), PER, floor=0.0)
