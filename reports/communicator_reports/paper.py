"""The report as a document: the text of its study with figures and tables, the bibliography, and where it comes from.

What a folder of results does not have is left out, with its section.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from communicator_reports import tables
from communicator_reports.claims import Judged, claims_table
from communicator_reports.document import Block, Document, Facts, Items, Prose, Section
from communicator_reports.figures.delays import cutover, latency
from communicator_reports.figures.games import linkage
from communicator_reports.figures.loads import load
from communicator_reports.figures.outcomes import cut_off, traffic, undelivered
from communicator_reports.figures.sequence import failover
from communicator_reports.figures.topology import topology
from communicator_reports.findings import KEPT, Findings
from communicator_reports.measures import UNDELIVERED, Estimates
from communicator_reports.prose import told
from communicator_reports.slots import slots
from communicator_reports.studies import Study

__all__ = ["paper"]

_PARTS: Final = {"spec": "standard", "testee": "testee's hello"}

Draw = Callable[[Findings, Estimates], Block | None]

_FIGURES: Final[Mapping[str, Draw]] = {
    "undelivered": undelivered,
    "cut-off": cut_off,
    "latency": lambda findings, _: latency(findings),
    "cutover": lambda findings, _: cutover(findings),
    "load": lambda findings, estimates: load(findings, estimates.worst_fault(UNDELIVERED, findings.summary.faults)),
    "traffic": traffic,
    "linkage": lambda findings, _: linkage(findings),
    "failover": lambda findings, _: failover(findings.kept, KEPT),
    "topology": lambda findings, _: topology(findings.kept, KEPT),
}
_TABLES: Final[Mapping[str, Draw]] = {
    "undelivered": tables.undelivered,
    "cut-off": tables.cut_off,
    "latency": tables.latency,
    "cutover": tables.cutover,
    "load": lambda findings, _: tables.load(findings),
    "traffic": tables.traffic,
    "knowledge": lambda findings, _: tables.knowledge(findings),
    "games": lambda findings, _: tables.games(findings),
    "invariants": lambda findings, _: tables.invariants(findings),
    "vectors": lambda findings, _: tables.vectors(findings),
    "calibration": lambda findings, _: tables.calibration(findings),
}


def paper(study: Study, prose: str, findings: Findings, claims: Sequence[Judged]) -> Document:
    """Return the document of a folder of results.

    Raises `StudyError` if the text of the study does not fit the results.
    """
    estimates = Estimates(findings)

    def placed(kind: str, name: str) -> Block | None:
        if (kind, name) == ("table", "claims"):
            return claims_table(claims)
        return (_FIGURES if kind == "figure" else _TABLES)[name](findings, estimates)

    text = told(prose, slots(study, findings, estimates, claims), placed)
    sections = (*text.sections, *_bibliography(study), _provenance(findings))
    return Document(text.title, text.subtitle, text.abstract, sections, text.said)


def _bibliography(study: Study) -> list[Section]:
    rows = tuple(f"**[{source.cite}]** {source.text} {source.url}" for source in study.source)
    return [Section("Bibliography", "bibliography", (Items(rows),))] if rows else []


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
