"""The command tells what is wrong in one line, and its exit code says what kind of wrong."""

import gzip
import io
import json
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import polars as pl
import pytest
from tests.patience import PATIENCE_S, eventually

from communicator_conformance import matrix
from communicator_conformance.scripts import published_scripts
from communicator_reports.cli import main
from communicator_spec import Event
from communicator_spec.clauses import write

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from communicator_reports.cli import main; main()"]
TINY = ["--people", "40", "--days", "2", "--replications", "1", "--seed", "7", "--synthetic", "--workers", "1"]


def communicator(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process: a new interpreter for each of so many tests takes minutes."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["communicator", *arguments])
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "200")
        patch.chdir(ROOT)
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def in_new_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300)


def chat(folder: Path) -> list[str]:
    """Write down a hundred messages among five people, and two phones; return the options that name them."""
    lines = [f"{i % 5} {(2 * i + 1) % 5} {1700 * i}\n" for i in range(101) if i % 5 != (2 * i + 1) % 5]
    (folder / "chat.txt").write_text("".join(lines))
    phones = b"1" * 86_400 + b"\n" + b"0" * 30_000 + b"1" * 56_400 + b"\n"
    (folder / "schedules_gen_os15.txt.gz").write_bytes(gzip.compress(phones))
    return ["--trace", str(folder / "chat.txt"), "--phones", str(folder), "--workers", "1"]


def below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    "command",
    [
        "study",
        "simulate",
        "simulate scenario",
        "simulate fuzz",
        "simulate threats",
        "conform",
        "conform init",
        "conform doctor",
        "conform matrix",
        "conform privacy",
        "conform report",
        "report build",
        "report diff",
        "report open",
        "spec list",
        "spec show",
        "spec check",
        "spec coverage",
        "spec html",
    ],
)
def test_help_has_an_example(command: str) -> None:
    done = communicator(*command.split(), "--help")
    assert done.returncode == 0
    assert f"communicator {command}" in done.stdout.partition("Example")[2]


def test_version_is_printed() -> None:
    assert in_new_process("--version").stdout.startswith("communicator ")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["simulate", "nothing"], "migration"),
        (["simulate", "migration", "--policy", "nobody"], "static, one, two"),
        (["simulate", "migration", "--fault", "flood"], "sunset"),
        (["simulate", "migration", "--trace", "missing.txt"], "missing.txt"),
        (["simulate", "migration", "--phones", "missing"], "missing"),
        (["simulate", "migration", "--synthetic", "--trace", "pyproject.toml"], "--synthetic"),
        (["simulate", "migration", "--trace", "pyproject.toml"], "pyproject.toml"),
        (["simulate", "migration", "--fidelity", "impl"], "--people 300"),
        (["simulate", "migration", "--replications", "0"], "1 or more, auto"),
        (["simulate", "migration", "--replications", "often"], "1 or more, auto"),
        (["simulate", "migration", "--replications", "auto"], "--width"),
        (["simulate", "migration", "--metric", "moves"], "--width"),
        (["simulate", "migration", "--width", "0"], "more than 0"),
        (["simulate", "migration", "--width", "-5%"], "more than 0"),
        (["simulate", "migration", "--width", "nan"], "more than 0"),
        (["simulate", "migration", "--width", "wide"], "10% of the mean"),
        (["simulate", "migration", "--width", "0.1", "--metric", "luck"], "delivered_share"),
        (["simulate", "migration", "--width", "0.1", "--replications", "1"], "one replication has no interval"),
        (["simulate", "migration", "--width", "0.1", "--replications", "4"], "auto"),
        (["simulate", "migration", "--width", "0.1", "--replications", "auto:7"], "at most 7"),
        (["simulate", "migration", "--width", "0.1", "--replications", "auto:1"], "at most 1"),
        (["simulate", "pyproject.toml"], "pyproject.toml"),
        (["simulate", "migration", "--out", "pyproject.toml"], "--out"),
        (["simulate", "migration", "--out", "tests"], "--out"),
        (["simulate", "migration", "--out", "/"], "--out"),
        (["study", "migration", "--out", "/dev/null/x"], "--out"),
        (["report", "build", "docs"], "communicator study"),
        (["report", "diff", "docs", "docs"], "report build"),
        (["report", "open", "docs"], "report build"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], word: str) -> None:
    done = communicator(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert word in lines[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["simulate", "migration", "--people", "many"],
        ["simulate", "migration", "--people", "1"],
        ["simulate", "migration", "--workers", "0"],
        ["simulate", "migration", "--fidelity", "best"],
        ["spec", "show", "nothing-1"],
        ["spec", "check", "--root", "docs"],
        ["conform", "--update", "reference"],
        ["conform", "--expectations", "missing.txt", "reference"],
        ["simulate"],
    ],
)
def test_wrong_option_is_exit_code_2_without_traceback(arguments: list[str]) -> None:
    done = communicator(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_simulate_writes_tables_summary_and_logs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = communicator("simulate", "migration", *TINY, "--fault", "death", "--policy", "two", "--events", "--json",
                        "--out", str(out))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((out / "summary.json").read_text())
    names = ["cutover.parquet", "events", "latency.parquet", "load.parquet", "provenance.json", "runs.parquet"]
    assert below(out) == [*names, "summary.json"]
    log = pl.read_parquet(out / "events" / "two-death-0.parquet")
    assert log.columns == list(Event._fields)
    assert log.height == pl.read_parquet(out / "runs.parquet")["events"][0]
    assert str(tmp_path) not in (out / "provenance.json").read_text()


def test_simulate_prints_a_table_with_intervals(tmp_path: Path) -> None:
    done = communicator("simulate", "migration", *TINY, "--fault", "death", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "undelivered" in done.stdout
    assert "all invariants hold" in done.stdout


def test_simulate_goes_on_until_the_intervals_are_as_narrow_as_asked_for(tmp_path: Path) -> None:
    """And what it did is what the same number of replications gives, with intervals that allow for the looks."""
    few = ["simulate", "migration", *chat(tmp_path), "--seed", "7", "--fault", "none", "--policy", "two", "--json"]
    found = {}
    for name, words in {
        "wide": ["--width", "1000%", "--replications", "auto:12"],
        "never": ["--width", "0.0001", "--replications", "auto:12"],
        "fixed": ["--replications", "12"],
    }.items():
        asked = words if name == "fixed" else [*words, "--metric", "automated_share"]
        done = communicator(*few, *asked, "--out", str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        found[name] = json.loads(done.stdout)
    assert found["wide"]["precision"] == {
        "metric": "automated_share", "width": 10.0, "relative": True, "reached": True, "replications": 8,
        "looks": [8, 12], "confidence": 0.975,
    }  # fmt: skip
    assert found["wide"]["replications"] == 8
    assert (found["never"]["precision"]["reached"], found["never"]["replications"]) == (False, 12)
    assert "precision" not in found["fixed"]
    never, fixed = (pl.read_parquet(tmp_path / name / "runs.parquet") for name in ("never", "fixed"))
    assert never.equals(fixed)
    assert pl.read_parquet(tmp_path / "wide" / "runs.parquet").equals(fixed.head(8))
    for loose, tight in zip(found["never"]["outcomes"], found["fixed"]["outcomes"], strict=True):
        if loose["metric"] == "automated_share":
            assert loose["mean"] == tight["mean"]
            assert loose["low"] < tight["low"] < tight["high"] < loose["high"]


def test_simulate_says_whether_a_width_was_reached(tmp_path: Path) -> None:
    few = ["simulate", "migration", *chat(tmp_path), "--policy", "two", "--fault", "none"]
    few += ["--replications", "auto:8", "--metric", "automated_share"]
    for width, said in (("1000%", "every interval is at most 1000 % of its mean wide after 8 replications"),
                        ("1e-9", "not every interval is at most 1e-09 wide after 8 replications")):  # fmt: skip
        done = communicator(*few, "--width", width, "--out", str(tmp_path / "out"))
        assert done.returncode == 0, done.stderr
        assert said in " ".join(done.stdout.split())
        assert "mean over 8 replications" in done.stdout
    words = json.loads((tmp_path / "out" / "provenance.json").read_text())["command"]
    assert "--replications auto:8 --metric automated_share --width 1e-09" in words


def test_simulate_reports_the_warm_up_and_changes_no_figure(tmp_path: Path) -> None:
    few = ["simulate", "migration", *chat(tmp_path), "--policy", "two", "--fault", "death", "--replications", "1"]
    plain = communicator(*few, "--json", "--out", str(tmp_path / "plain"))
    asked = communicator(*few, "--warm-up", "--json", "--out", str(tmp_path / "asked"))
    assert (plain.returncode, asked.returncode) == (0, 0), asked.stderr
    without, found = json.loads(plain.stdout), json.loads(asked.stdout)
    (row,) = found.pop("warm_up")
    assert found == without
    assert row["policy"] == "two"
    assert row["messages"] > 50
    assert 0 <= row["detected_d"] <= 2
    said = communicator(*few, "--warm-up", "--out", str(tmp_path / "said"))
    assert "warm-up of two: " in said.stdout
    assert f"counts from day {row['scenario_d']:.2f}" in " ".join(said.stdout.split())


def test_the_number_of_workers_leaves_no_trace(tmp_path: Path) -> None:
    for workers in ("1", "2"):
        done = in_new_process("simulate", "migration", *TINY[:-1], workers, "--fault", "death", "--out",
                            str(tmp_path / workers))  # fmt: skip
        assert done.returncode == 0, done.stderr
    # The provenance names the commit, which may change while tests run in a checkout.
    one, two = (sorted((tmp_path / workers).glob("[!p]*")) for workers in ("1", "2"))
    assert len(one) == 5
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


def test_real_cores_run_when_people_are_few(tmp_path: Path) -> None:
    done = communicator("simulate", "migration", "--fidelity", "impl", "--people", "10", "--days", "0.5", "--seed", "7",
                        "--replications", "1", "--synthetic", "--fault", "none", "--policy", "two", "--out",
                        str(tmp_path / "out"))  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_interrupt_leaves_the_former_result_and_can_be_resumed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "provenance.json").write_text("former")
    words = ["simulate", "migration", "--people", "150", "--days", "20", "--replications", "2", "--synthetic",
             "--workers", "2", "--out", str(out)]  # fmt: skip
    process = subprocess.Popen([*COMMAND, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert eventually(lambda: list(tmp_path.glob(".work/*/*.msgpack")))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=2 * PATIENCE_S)
    assert process.returncode == 130, errors
    assert "goes on" in errors
    assert "Traceback" not in errors
    assert below(tmp_path) == [".work", "out"]
    assert below(out) == ["provenance.json"]
    assert list(tmp_path.glob(".work/*/*.msgpack"))


def test_conform_judges_and_writes_reports(tmp_path: Path) -> None:
    done = communicator("conform", "--json", "--select", "label/*", "--junit", str(tmp_path / "j.xml"), "--jsonl",
                        str(tmp_path / "r.jsonl"), "reference")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert below(tmp_path) == ["j.xml", "r.jsonl"]


def test_conform_draws_the_same_page_at_once_and_from_its_files(tmp_path: Path) -> None:
    page, badge, again = (str(tmp_path / name) for name in ("p.html", "b.svg", "again.html"))
    done = communicator("conform", "--json", "--select", "label/*", "--seed", "3", "--html", page, "--badge", badge,
                        "--jsonl", str(tmp_path / "r.jsonl"), "reference")  # fmt: skip
    (tmp_path / "summary.json").write_text(done.stdout)
    assert communicator("conform", "report", str(tmp_path / "r.jsonl"), "--html", again).returncode == 0
    drawn, redrawn = Path(page).read_text("utf-8"), Path(again).read_text("utf-8")
    own, asked = "communicator conform --seed 3 --select &#39;label/*&#39; ", ("reference", "-- YOUR PROGRAM")
    assert own + asked[0] in drawn
    assert drawn.replace(own + asked[0], own + asked[1]) == redrawn
    assert "partial" in Path(badge).read_text("utf-8")
    assert communicator("conform", "report", str(tmp_path / "r.jsonl")).returncode == 2
    (tmp_path / "bad.jsonl").write_text("no results")
    assert communicator("conform", "report", str(tmp_path / "bad.jsonl"), "--badge", badge).returncode == 2


def test_conform_privacy_says_what_was_found() -> None:
    chosen = ("--select", "*/sending-service+receiving-service/*:label")
    done = communicator("conform", "privacy", "--json", "--replications", "1", *chosen, "reference")
    results = {r["id"].rpartition("/")[2]: r for r in json.loads(done.stdout)["results"]}
    assert done.returncode == 1
    assert results["bytes:label"]["status"] == "passed"
    assert results["same-person:label"]["fault"] == "unfired"  # one population proves nothing
    assert communicator("conform", "privacy", "--select", "label/*", "reference").returncode == 2


def test_conform_looks_for_the_folder_before_it_runs(tmp_path: Path) -> None:
    done = communicator("conform", "--html", str(tmp_path / "none" / "p.html"), "--", "no such program")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no folder" in done.stderr


def test_conform_json_has_the_keys_that_are_documented() -> None:
    run = json.loads(communicator("conform", "--json", "--select", "label/grant", "reference").stdout)
    assert set(run) == {
        "testee", "offers", "ok", "whole", "seed", "select", "counts", "digests", "clauses", "failures",
    }  # fmt: skip


def test_conform_matrix_writes_a_page_and_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = published_scripts()
    monkeypatch.setattr(matrix, "published_scripts", lambda: {"first-contact": scripts["first-contact"]})
    page = tmp_path / "m.html"
    silent = f"silent={sys.executable} -c pass"
    done = communicator("conform", "matrix", "--json", "--html", str(page), "reference", silent)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert [(cell["first"], cell["second"], cell["ok"]) for cell in found] == [
        ("reference", "reference", True), ("reference", "silent", False),
        ("silent", "reference", False), ("silent", "silent", False),
    ]  # fmt: skip
    assert all(set(cell) == {"first", "second", "results", "ok"} for cell in found)
    keys = {"id", "status", "clauses", "fault", "detail", "lines", "witness", "met"}
    assert all(set(result) == keys for cell in found for result in cell["results"])
    assert "3 of 4 pairs do not work together" in page.read_text("utf-8")


def test_conform_fails_a_program_that_does_not_answer() -> None:
    done = communicator("conform", "--json", "--select", "label/derive", "--", sys.executable, "-c", "pass")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["ok"] is False


def test_spec_lists_shows_and_counts() -> None:
    first = json.loads(communicator("spec", "list", "--json").stdout)[0]
    assert json.loads(communicator("spec", "show", first["id"], "--json").stdout) == first
    assert first["text"][:20] in communicator("spec", "show", first["id"].lower()).stdout
    assert first["id"] in json.loads(communicator("spec", "coverage", "--json").stdout)


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("", "> **{0}-2** (relationship manager · property) It MUST stay.\n", "uncited"),
        ("It MUST stay", "It MUST always stay", "changed"),
        ("**{0}-1**", "**{0}-7**", "changed"),
    ],
    ids=["added uncited", "changed silently", "renumbered"],
)
def test_spec_check_fails_when_a_clause_is(tmp_path: Path, old: str, new: str, kind: str) -> None:
    prefix = "STATE"  # put together here, so that this file cites nothing
    chapter, tests = tmp_path / "spec/05-address-state.md", tmp_path / "tests/test_it.py"
    (tmp_path / "spec/communicator_spec").mkdir(parents=True)
    tests.parent.mkdir()
    chapter.write_text(f"> **{prefix}-1** (relationship manager · property) It MUST stay.\n\n")
    tests.write_text(f"# {prefix}-1\n")
    write(tmp_path / "spec", publish=True)
    assert communicator("spec", "check", "--root", str(tmp_path)).returncode == 0
    text = chapter.read_text()
    chapter.write_text(text.replace(old.format(prefix), new.format(prefix)) if old else text + new.format(prefix))
    write(tmp_path / "spec")
    done = communicator("spec", "check", "--root", str(tmp_path))
    assert done.returncode == 1
    assert f": {kind}: " in done.stdout
