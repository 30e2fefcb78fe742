"""The report as a document: what was asked, how, what came out, what it does not say, and where it comes from.

All sentences with numbers are made from the findings. What a folder does not have is left out with its section.
"""

from collections.abc import Iterable
from typing import Final

from communicator_reports import tables
from communicator_reports.document import Block, Document, Facts, Items, Prose, Section
from communicator_reports.figures.delays import cutover, latency
from communicator_reports.figures.games import linkage
from communicator_reports.figures.loads import load
from communicator_reports.figures.outcomes import cut_off, traffic, undelivered
from communicator_reports.findings import Findings
from communicator_reports.measures import UNDELIVERED, Estimates
from communicator_reports.prose import abstract, limits, method, sentences_on, title
from communicator_reports.quantities import count

__all__ = ["paper"]

_PARTS: Final = {"spec": "standard", "testee": "testee's hello"}


def paper(findings: Findings) -> Document:
    """Return the document of a folder of results."""
    estimates = Estimates(findings)
    sections = [
        _question(findings),
        _method(findings),
        *_results(findings, estimates),
        _checks(findings),
        Section("Limits", "limits", (Items(limits(findings)),)),
        _provenance(findings),
    ]
    trace = findings.summary.data.trace
    subtitle = (
        f"Simulation study “{findings.summary.scenario.name}”: {count(trace.people)} people,"
        f" {count(findings.summary.replications)} replications, seed {findings.summary.seed}"
    )
    return Document(title(findings), subtitle, abstract(findings, estimates), tuple(sections))


def _question(findings: Findings) -> Section:
    policies = tuple(
        f"**{findings.policy(name).label}** (`{name}`). {findings.policy(name).description}"
        for name in findings.summary.policies
    )
    lead = (
        f"{title(findings)} People own relationships here, not addresses: an address can be replaced inside the"
        " conversation itself. The policies differ in how far they use that."
    )
    return Section("Question", "question", (Prose(lead), Items(policies)))


def _method(findings: Findings) -> Section:
    return Section("Method", "method", tuple(Prose(text) for text in method(findings)))


def _results(findings: Findings, estimates: Estimates) -> list[Section]:
    worst = estimates.worst_fault(UNDELIVERED, findings.summary.faults)
    say = sentences_on(findings, estimates)
    parts: list[tuple[str, str, Iterable[Block | None]]] = [
        ("Messages", "messages", (Prose(say["messages"]), undelivered(findings, estimates),
                                  tables.undelivered(findings, estimates))),
        ("Relationships", "relationships", (Prose(say["relationships"]), cut_off(findings, estimates),
                                            tables.cut_off(findings, estimates))),
        ("Time to arrive", "latency", (Prose(say["latency"]), latency(findings), tables.latency(findings, estimates))),
        ("Moving to another provider", "moving", _moving(findings, estimates)),
        ("Load and cost", "load", (Prose(say["load"]), load(findings, worst), tables.load(findings),
                                   traffic(findings, estimates), tables.traffic(findings, estimates))),
        ("What each role can link", "linkage", _linkage(findings, say["linkage"])),
    ]  # fmt: skip
    sections = [Section(heading, name, tuple(b for b in blocks if b is not None)) for heading, name, blocks in parts]
    return [section for section in sections if section.blocks]


def _moving(findings: Findings, estimates: Estimates) -> tuple[Block | None, ...]:
    figure = cutover(findings)
    if figure is None:
        return ()
    lead = (
        "Somebody who chooses another provider tells each peer inside the conversation, spread over a day so that the"
        " announcements do not give away that they belong to one person, and leaves when no address there is in use."
    )
    return (Prose(lead), figure, tables.cutover(findings, estimates))


def _linkage(findings: Findings, lead: str) -> tuple[Block | None, ...]:
    known = tables.knowledge(findings) if findings.knowledge else None
    if not findings.games:
        return (known,)
    return (Prose(lead), known, linkage(findings), tables.games(findings))


def _checks(findings: Findings) -> Section:
    blocks: list[Block] = [tables.invariants(findings)]
    if findings.vectors is not None:
        verdict = "conforms" if findings.vectors.ok else "**does not conform**"
        passed = findings.vectors.counts.get("passed", 0)
        blocks.append(
            Prose(
                f"The reference implementation ({findings.vectors.testee}) {verdict}: {count(passed)} of"
                f" {count(len(findings.vector_results))} vectors, scripts and tests of the protocol pass."
            )
        )
        blocks.append(tables.vectors(findings))
        failed = tuple(f"`{r.id}` {r.detail}" for r in findings.vector_results if r.status == "failed")
        blocks += [Items(failed)] if failed else []
    if findings.summary.data.calibration:
        blocks.append(tables.calibration(findings))
    return Section("Checks", "checks", tuple(blocks))


def _provenance(findings: Findings) -> Section:
    origin = findings.provenance
    libraries = ", ".join(f"{name} {version}" for name, version in origin.libraries.items())
    rows = [
        ("Command", f"`{origin.command}`"),
        ("Seed", str(origin.seed)),
        ("Versions", f"communicator {origin.communicator}, Python {origin.python}, {libraries}"),
        ("Commit", f"`{origin.commit}`" if origin.commit else "not run from a checkout"),
        *((f"Digest of the {name}", f"`{value}`") for name, value in origin.digests.items()),
    ]
    if findings.vectors is not None:
        rows += [
            (f"Digest of the conformance {_PARTS.get(name, name)}", f"`{v}`")
            for name, v in findings.vectors.digests.items()
        ]
    lead = "The same command on the same sources and data writes the same bytes, on any number of workers."
    return Section("Provenance", "provenance", (Prose(lead), Facts(tuple(rows))))
