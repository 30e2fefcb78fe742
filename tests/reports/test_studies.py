"""A study is two files; its text has no number that its results do not have."""

import csv
import html
import json
import re
import shutil
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from msgspec import structs

from communicator_reports import results_file
from communicator_reports.claims import contradicted, judged, say
from communicator_reports.comparing import compare
from communicator_reports.document import Block, Document, Figure, Table
from communicator_reports.findings import load
from communicator_reports.paper import paper
from communicator_reports.prose import Name, told
from communicator_reports.quantities import Quantity, counted, shown
from communicator_reports.report import RESULTS, draw
from communicator_reports.results_file import decode
from communicator_reports.studies import PROSE, StudyError, load_study, study_of
from communicator_reports.table_files import comma_separated, latex
from communicator_simulations.conclusions import Side
from communicator_simulations.results import ResultsError

_NUMBER = re.compile(r"(?<![\w/.–-])[−-]?\d+(?:\u202f\d{3})*(?:\.\d+)?(?![\w/])")


def test_every_number_of_the_page_is_in_the_results_file(results: Path) -> None:
    document = decode((results / RESULTS).read_bytes()).document
    known = numbers_of(document)
    page = (results / "index.html").read_text("utf-8")
    main = page.partition("<body>")[2].partition("<noscript>")[0]
    words = html.unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<code>.*?</code>|<dl.*?</dl>", " ", main, flags=re.S)))
    said = [float(n.replace("\u202f", "").replace("−", "-")) for n in _NUMBER.findall(words)]
    assert len(said) > 300
    strange = [n for n in said if not any(agrees(abs(n), abs(x)) for x in known)]
    assert strange == []


def agrees(shown: float, exact: float) -> bool:
    """Whether a number as shown is an exact one, rounded to its digits."""
    digits = len(f"{shown!r}".partition(".")[2]) if shown != int(shown) else 0
    return abs(shown - exact) <= 0.5000001 * 10.0**-digits


def numbers_of(document: Document) -> set[float]:
    """Return the numbers of the results file as numbers; those of captions and headers are constants of their own."""
    found = [*document.said]
    words: list[str] = []
    for block in (block for section in document.sections for block in section.blocks):
        found += getattr(block, "said", ())
        if isinstance(block, Table):
            found += [cell for row in block.rows for cell in row if isinstance(cell, Quantity)]
            words += [*block.header, block.caption, *(str(c) for row in block.rows for c in row if isinstance(c, str))]
        if isinstance(block, Figure):
            words += [block.caption, *(panel.title for panel in block.panels), *(chip.label for chip in block.legend)]
    numbers = {x for q in found for x in (q.mean, q.low, q.high, q.of) if x is not None}
    constants = {
        float(n.replace(" ", "").replace("\u202f", ""))
        for w in words
        for n in re.findall(r"\d+(?:[ \u202f]\d{3})*(?:\.\d+)?", w)
    }
    order = {float(n) for n in range(1, 1 + max(len(document.figures()), len(document.tables())))}
    years = {float(y) for s in document.sections if s.name == "bibliography" for y in re.findall(r"\d+", str(s.blocks))}
    return numbers | constants | order | years


def test_a_claim_is_said_only_as_far_as_the_runs_bear_it_out(results: Path) -> None:
    study, _ = study_of(results)
    findings = load(results)
    none = findings.tables["runs"].with_columns(automated_share=pl.lit(0.5))
    quiet = judged(study, structs.replace(findings, tables={**findings.tables, "runs": none}))
    assert {c.name: (c.outcome, c.cases) for c in quiet}["automated-within-limit"] == ("holds", 9)
    assert say(quiet, "automated-within-limit").startswith("Under every policy")
    lossy = none.with_columns(pending_share=pl.lit(0.4), failed_share=pl.lit(0.1))
    wrong = judged(study, structs.replace(findings, tables={**findings.tables, "runs": lossy}))
    assert contradicted(wrong) == ["standby-loses-nothing"]
    assert say(wrong, "standby-loses-nothing").startswith("**These results contradict that:** With a standby")
    once = judged(study, structs.replace(findings, tables={**findings.tables, "runs": lossy.filter(replication=0)}))
    assert {claim.outcome for claim in once} == {"undecided"}
    odd = structs.replace(study, claim=(structs.replace(study.claim[0], of=Side("speed")),))
    with pytest.raises(StudyError, match="no metric 'speed'"):
        judged(odd, findings)


def test_claims_stand_in_the_document_with_their_verdicts(results: Path) -> None:
    data = decode((results / RESULTS).read_bytes())
    table = next(table for table in data.document.tables() if table.name == "claims")
    assert [row[1] for row in table.rows] == [claim.outcome for claim in data.claims]


def test_sentences_stand_apart(results: Path) -> None:
    for section in decode((results / RESULTS).read_bytes()).document.sections:
        for block in section.blocks:
            assert re.search(r"[a-z0-9][.;:][A-Z]|\s[.,;]", getattr(block, "text", "")) is None


def test_a_typed_number_is_refused(results: Path) -> None:
    study, prose = study_of(results)
    findings = load(results)
    for typed in ("In all 12 cases.", "It is 3.5 h.", "95 % of all"):
        text = prose.replace("## Limits {#limits}\n", f"## Limits {{#limits}}\n\n{typed}\n")
        with pytest.raises(StudyError, match="typed"):
            paper(study, text, findings, judged(study, findings))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [("{{ nobody_knows }}", "nobody_knows"), ("{figure: none}", "no figure 'none'"), ("{table: none}", "no table"),
     ("{{ cite('nobody') }}", "no source 'nobody'"), ("{{ of('speed', 'death', 'two') }}", "speed"),
     ("{{ claim('nobody') }}", "no claim 'nobody'"), ("{% if %}", PROSE), ("## Bad {#Bad}", "heading")],
)  # fmt: skip
def test_what_the_results_do_not_have_is_named(results: Path, line: str, complaint: str) -> None:
    study, prose = study_of(results)
    findings = load(results)
    with pytest.raises(StudyError, match=complaint):
        paper(study, f"{prose}\n\n{line}\n", findings, judged(study, findings))


def test_text_is_cut_into_its_parts() -> None:
    text = (
        "# A title\n\nOf {{ n }}.\n\n## Abstract\n\nAll\nof it.\n\n"
        "## One {#one}\n\nFirst {{ label }}.\n\n- a {{ n }}\n  b\n{% for x in () %}\n- never\n{% endfor %}\n- c\n\n"
        "{figure: f}\n\n{table: t}\n\n## Empty {#empty}\n\n{table: t}\n"
    )
    table = Table("f", "", ("a",), ())

    def placed(kind: str, name: str) -> Block | None:
        return {"figure": table, "table": None}[kind]

    found = told(text, {"n": counted(1234), "label": Name("two 2")}, placed)
    assert (found.title, found.subtitle, found.abstract) == ("A title", "Of 1\u202f234.", "All of it.")
    assert [s.name for s in found.sections] == ["one"]
    prose, items, figure = found.sections[0].blocks
    assert getattr(prose, "text", "") == "First two 2."
    assert getattr(items, "items", ()) == ("a 1\u202f234 b", "c")
    assert getattr(items, "said", ()) == (counted(1234),)
    assert figure is table
    assert found.said == (counted(1234),)


def test_the_schema_is_the_one_that_is_made_and_the_file_fits_it(results: Path) -> None:
    committed = Path(results_file.__file__).with_name("results.schema.json").read_text("utf-8")
    assert committed == results_file.schema(), "run: python -m communicator_reports.results_file"
    jsonschema.validate(json.loads((results / RESULTS).read_bytes()), json.loads(committed))


def test_another_form_of_results_file_is_refused(results: Path) -> None:
    data = (results / RESULTS).read_bytes()
    for broken in (data[:-9], data.replace(b"communicator results 1", b"communicator results 0"), b"{}"):
        with pytest.raises(ResultsError, match="report build"):
            decode(broken)


def test_tables_are_files_for_other_programs(results: Path) -> None:
    rows = list(csv.DictReader((results / "tables" / "undelivered.csv").read_text("utf-8").splitlines()))
    runs = pl.read_parquet(results / "runs.parquet")
    for row in rows:
        policy = {p.label: p.name for p in load(results).summary.scenario.policy}[row["policy"]]
        here = runs.filter(pl.col("policy") == policy)
        assert int(row["not delivered, of"]) in here.group_by("fault").agg(pl.col("messages").sum())["messages"]
    assert {"per 10 000, low", "per 10 000: difference"} <= set(rows[0])
    tex = (results / "tables" / "undelivered.tex").read_text("utf-8")
    assert tex.count(r"\\") == len(rows) + len({row["fault"] for row in rows}) + 1
    assert "\u202f" not in tex


def test_words_of_a_table_are_no_markup_of_latex() -> None:
    table = Table(
        "t", "", ("a_b", "n"), ((r"50 % & \x {y} ~#$^", shown("−0.5 [−1, 0]", -0.5, -1, 0)), ("`k`", Quantity("∞")))
    )
    assert latex(table).splitlines()[2:5] == [
        r"a\_b & n \\", r"\midrule",
        r"50\,\% \& \textbackslash{}x \{y\} \textasciitilde{}\#\$\textasciicircum{} & $-$0.5 [$-$1, 0] \\",
    ]  # fmt: skip
    assert comma_separated(table).splitlines() == [
        'a_b,n,"n, low","n, high"',
        "50\u202f% & \\x {y} ~#$^,-0.5,-1,0",
        "k,,,",
    ]


def test_a_run_that_is_missing_is_named_with_its_command_and_nothing_is_written(results: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(results, tmp_path / "gap"))
    runs = pl.read_parquet(folder / "runs.parquet")
    runs.filter(~((pl.col("policy") == "two") & (pl.col("replication") == 1))).write_parquet(folder / "runs.parquet")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(
        ResultsError, match=r"lacks the run of policy 'two' under 'none', replication 1; .*communicator study"
    ):
        draw(folder, lambda done, total: None)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_study_elsewhere_is_read_and_a_wrong_one_is_refused(results: Path, tmp_path: Path) -> None:
    study, prose = load_study(results)
    assert study.scenario == "migration"
    (tmp_path / "study.toml").write_text('scenario = "migration"\nspeed = 1\n')
    with pytest.raises(StudyError, match="speed"):
        load_study(tmp_path)
    with pytest.raises(StudyError, match="no study"):
        load_study(tmp_path / "nowhere")
    assert prose.count("{{") > 30


def test_only_what_leaves_its_interval_has_moved(results: Path) -> None:
    before = decode((results / RESULTS).read_bytes())
    assert compare(before, before) == (compare(before, before).compared, (), ())
    data = json.loads((results / RESULTS).read_bytes())
    cell = next(
        c for s in data["document"]["sections"] for b in s["blocks"] if b["type"] == "table" and b["name"] == "traffic"
        for row in b["rows"] for c in row if isinstance(c, dict) and c.get("low") is not None
    )  # fmt: skip
    cell["mean"] = (cell["mean"] + cell["high"]) / 2
    assert compare(before, decode(json.dumps(data).encode())).moved == ()
    cell |= {"text": "far", "mean": cell["high"] + 2, "low": cell["high"] + 1, "high": cell["high"] + 3}
    data["provenance"]["commit"] = "another"
    found = compare(before, decode(json.dumps(data).encode()))
    assert [(m.table, m.after) for m in found.moved] == [("traffic", "far")]
    assert [name for name, _, after in found.origins if after == "another"] == ["commit"]
