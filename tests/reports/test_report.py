"""A report is drawn from files alone, says what they say, and has the same bytes each time."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from communicator_reports.conclusion import conclusion, conclusion_lines
from communicator_reports.findings import load
from communicator_reports.report import draw
from communicator_simulations.results import ResultsError

DRAWN = ("index.html", "report.pdf", "figures/undelivered.svg", "figures/linkage.svg", "figures/latency.svg")


@pytest.fixture
def copy(results: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(results, tmp_path / "copy"))


def redraw(folder: Path) -> None:
    draw(folder, lambda done, total: None)


def text_of(pdf: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.fail("pdftotext is missing: install poppler-utils")
    return subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout


def test_the_same_results_give_the_same_bytes(results: Path, copy: Path) -> None:
    for name in DRAWN:
        (copy / name).unlink()
    redraw(copy)
    assert {n: (copy / n).read_bytes() == (results / n).read_bytes() for n in DRAWN} == dict.fromkeys(DRAWN, True)


def test_drawing_leaves_nothing_but_the_report(results: Path, copy: Path) -> None:
    redraw(copy)
    assert sorted(p.relative_to(copy) for p in copy.rglob("*")) == sorted(
        p.relative_to(results) for p in results.rglob("*")
    )


def test_pdf_has_pages_and_text(results: Path) -> None:
    text = text_of(results / "report.pdf")
    assert text.count("\f") >= 4
    for words in ("What happens to people’s messages", "Figure 1", "Table 1", "Provider dies without warning",
                  "Provenance", "communicator study migration"):  # fmt: skip
        assert words in text


def test_page_and_sheet_say_the_same(results: Path) -> None:
    page = (results / "index.html").read_text("utf-8")
    abstract = page.partition('aria-label="Abstract"><p>')[2].partition("</p>")[0]
    number = abstract.partition("<strong>")[2].partition(" of ")[0]
    assert number
    assert " ".join(number.split()) in " ".join(text_of(results / "report.pdf").split())


def test_page_loads_nothing(results: Path) -> None:
    page = (results / "index.html").read_text("utf-8")
    assert "default-src 'none'" in page
    for loads in ('<link rel="stylesheet', "<script src", "@import", "url(http"):
        assert loads not in page
    assert page.count("vegaEmbed = vegaEmbed") <= 1


def test_no_path_of_this_machine_is_in_any_file(results: Path) -> None:
    for path in results.rglob("*"):
        if path.is_file():
            assert str(results.parent).encode() not in path.read_bytes(), path.name
            assert str(Path.home()).encode() + b"/" not in path.read_bytes(), path.name


def test_report_without_games_and_vectors_leaves_them_out(copy: Path) -> None:
    shutil.rmtree(copy / "vectors")
    for name in ("linkage.json", "knowledge.json"):
        (copy / name).unlink()
    redraw(copy)
    page = (copy / "index.html").read_text("utf-8")
    assert "What each role can link" not in page
    assert "Messages that are not delivered" in page


def test_data_cannot_become_markup(copy: Path) -> None:
    summary = json.loads((copy / "summary.json").read_text())
    summary["scenario"]["policy"][0]["label"] = "</script><b>#x $y$ [z]"
    (copy / "summary.json").write_text(json.dumps(summary))
    redraw(copy)
    assert "</script><b>" not in (copy / "index.html").read_text("utf-8")
    assert "#x $y$ [z]" in text_of(copy / "report.pdf")


@pytest.mark.parametrize("name", ["summary.json", "provenance.json", "runs.parquet", "linkage.json"])
def test_broken_file_is_named(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"{")
    with pytest.raises(ResultsError, match=name):
        load(copy)


def test_conclusion_names_outcomes_checks_and_files(results: Path) -> None:
    lines = conclusion_lines(results)
    assert len(lines) <= 22
    assert any("violations" in line for line in lines)
    assert str(results / "index.html") in lines[-2]
    assert json.loads(json.dumps(conclusion(results)))["violations"] == 0
