"""The report of a folder of results, as files in it:

`results.json`
    the whole document as data: every number of its text, tables and figures (`results_file`)
`index.html`, `report.pdf`, `report-letter.pdf`
    the document as a page and on paper, drawn from `results.json` alone
`figures/*.svg`, `tables/*.csv`, `tables/*.tex`
    its figures and tables by themselves

Nothing is written before everything is drawn; the same results give the same bytes. Cost: some ten seconds, most of it
for compiling charts.
"""

import os
from pathlib import Path
from typing import Final

import vl_convert

from communicator_reports.claims import judged
from communicator_reports.figures.sheet import picture
from communicator_reports.findings import load
from communicator_reports.page import page
from communicator_reports.paper import paper
from communicator_reports.pdf import sheets
from communicator_reports.progress import Update
from communicator_reports.results_file import decode, encode
from communicator_reports.studies import study_of
from communicator_reports.table_files import comma_separated, latex

__all__ = ["RESULTS", "draw"]

RESULTS: Final = "results.json"
_PAPERS: Final = {"report.pdf": "a4", "report-letter.pdf": "us-letter"}


def draw(folder: Path, update: Update) -> list[Path]:
    """Draw the report into the folder and return the files that were written, the page and the first PDF in front.

    Raises `ResultsError` if the folder holds no results, or broken or incomplete ones, and `StudyError` if the text of
    the study does not fit them; nothing is written then.
    """
    findings = load(folder)
    study, prose = study_of(folder)
    claims = judged(study, findings)
    data = encode(paper(study, prose, findings, claims), findings.provenance, claims)
    document = decode(data).document
    charts = {figure.name: picture(figure) for figure in document.figures()}
    steps, drawn = len(charts) + len(_PAPERS) + 1, {"index.html": page(document).encode()}
    update(1, steps)
    for name, data_ in sheets(document, charts, _PAPERS).items():
        drawn[name] = data_
        update(len(drawn), steps)
    for name, chart in charts.items():
        drawn[f"figures/{name}.svg"] = vl_convert.vegalite_to_svg(chart).encode()
        update(len(drawn), steps)
    for table in document.tables():
        drawn[f"tables/{table.name}.csv"] = comma_separated(table).encode()
        drawn[f"tables/{table.name}.tex"] = latex(table).encode()
    return [_write(folder / name, found) for name, found in {**drawn, RESULTS: data}.items()]


def _write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)
    return path
