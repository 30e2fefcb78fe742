"""The test of the tests: mutants of the reference by hand and drawn from its source, each killed or explained."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from communicator_conformance.mutants import MutantError, Order, campaign, chosen, read_list, shipped
from communicator_conformance.mutants.operators import OPERATORS, draw
from communicator_conformance.starting import begin
from communicator_conformance.testee import Testee

ROWS = shipped("communicator_impl")
LIST = read_list(ROWS)
HOST = "communicator_conformance.mutants.host"
SAMPLE = 30

# -------------------------------------------------------------------- the reference


@pytest.mark.slow
def test_every_mutant_is_killed_or_explained_and_every_tested_clause_has_a_killer() -> None:
    score = campaign(Order(ROWS, LIST.program, SAMPLE))
    unexplained = [fate.name for fate in score.survivors if fate.name not in score.explained]
    print(f"mutation score: {score.killed} of {len(score.counted)}; {len(score.equivalent)} equivalent")
    assert (unexplained, score.stale, score.unjudged) == ([], (), ())
    assert score.value >= 0.98
    assert len(score.counted) >= 120


def test_there_is_a_mutant_of_at_least_a_hundred_clauses() -> None:
    assert len({row.clause for row in LIST.mutant}) >= 100


def test_every_mutant_fits_the_source_of_today() -> None:
    for mutant in (*LIST.by_hand(), *LIST.drawn()[::5]):
        assert compile(LIST.changed(mutant), mutant.module, "exec").co_filename == mutant.module


def test_every_operator_finds_something_in_the_reference() -> None:
    assert {mutant.operator for mutant in LIST.drawn()} == set(OPERATORS)


def test_a_sample_is_the_same_for_one_seed_and_another_for_another() -> None:
    one, again, other = (
        [mutant.name for mutant in chosen(LIST, Order(ROWS, LIST.program, 20, seed))] for seed in (1, 1, 2)
    )
    assert one == again != other
    assert len(one) == len(LIST.mutant) + 20


# -------------------------------------------------------------------- what is drawn

SOURCE = b'''
"""Something to break."""
LIMIT_MAX = 8


class Store:
    def keep(self, item: bytes) -> None:
        if len(item) > LIMIT_MAX:  # ENV-2
            raise ValueError
        self.disk.save(item)
        self.tell(b"label" + item)
'''
DRAWN = {
    "store.Store.keep:check-dropped:1": b"if False:",
    "store.Store.keep:check-negated:1": b"if not (len(item) > LIMIT_MAX):",
    "store.Store.keep:boundary-moved:1": b"if len(item) >= LIMIT_MAX:",
    "store.Store.keep:limit-raised:1": b"> (LIMIT_MAX + 1):",
    "store.Store.keep:limit-lowered:1": b"> (LIMIT_MAX - 1):",
    "store.Store.keep:operand-dropped:1": b"self.tell((item))",
    "store.Store.keep:operand-dropped:2": b'self.tell((b"label"))',
    "store.Store.keep:write-dropped:1": b"        pass\n        self.tell",
    "store.Store.keep:write-delayed:1": b'self.tell(b"label" + item)\n        self.disk.save(item)',
    "store.Store.keep:call-dropped:1": b"self.disk.save(item)\n        pass",
}


def test_what_is_drawn_from_a_function() -> None:
    found = {mutant.name: mutant for mutant in draw("store", SOURCE)}
    assert found.keys() == DRAWN.keys()
    for name, now in DRAWN.items():
        changed = found[name].edit.apply(SOURCE)
        assert changed.count(now) == 1, name
        assert SOURCE.count(now) == 0, name


def test_the_clause_of_a_drawn_mutant_is_the_nearest_above_its_end() -> None:
    assert {mutant.clause for mutant in draw("store", SOURCE)} == {"ENV-2"}
    assert {mutant.clause for mutant in draw("store", SOURCE.replace(b"  # ENV-2", b""))} == {""}


def test_an_edit_elsewhere_renames_nothing() -> None:
    moved = SOURCE.replace(b"class Store", b"def early() -> None:\n    print(1)\n\n\nclass Store")
    assert [m.name for m in draw("store", moved)][1:] == [m.name for m in draw("store", SOURCE)]


# -------------------------------------------------------------------- lists

HEAD = 'package = "communicator_impl"\nprogram = ["communicator_impl.adapter"]\n'
ROW = '[[mutant]]\nname = "{}"\nclause = "ENV-2"\nmodule = "wire"\nwas = "{}"\nnow = "pass"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "colour = 1\n", "colour"),
        (HEAD + ROW.format("one", "no such text"), "0 places"),
        (HEAD + ROW.format("one", "return"), "places of wire"),
        (HEAD + ROW.format("one", "x") + ROW.format("one", "y"), "stands twice"),
        ('package = "communicator_impl"\nprogram = []\n', "no program"),
        (HEAD.replace('"communicator_impl"', '"no_such_package"') + ROW.format("one", "x"), "no_such_package"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mutants.toml"
    path.write_text(text)
    with pytest.raises(MutantError, match=said):
        read_list(path).by_hand()


# -------------------------------------------------------------------- another implementation

OTHER = """
package = "first_verdict"
program = ["first_verdict.adapter"]
draw = ["adapter"]

[[mutant]]
name = "one_label_for_all_lanes"
clause = "ADDR-19"
module = "adapter"
was = 'lane.to_bytes(2, "big")'
now = 'bytes(2)'

[[mutant]]
name = "hangs"
clause = "ADDR-19"
module = "adapter"
was = 'key, lane, index = raw(args, "key")'
now = 'while True: pass; key, lane, index = raw(args, "key")'

[[mutant]]
name = "does_not_even_begin"
clause = "ADDR-19"
module = "adapter"
was = "YEAR_S = "
now = "YEAR_S = nothing + "

[[mutant]]
name = "another_version"
clause = "ADDR-19"
module = "adapter"
was = '"version": "1"'
now = '"version": "2"'

[[equivalent]]
name = "another_version"
why = "nobody compares it"

[[explained]]
name = "one_label_*"
why = "it is said to live, and does not"
"""


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    begin("python", tmp_path / "first_verdict")
    (tmp_path / "first_verdict" / "__init__.py").touch()
    rows = tmp_path / "first_verdict" / "mutants.toml"
    rows.write_text(OTHER)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return rows


@pytest.mark.slow
def test_another_package_has_mutants_too(other: Path, tmp_path: Path) -> None:
    order = Order(other, ("first_verdict.adapter",), 0, timeout_s=3.0)
    kept, seen = tmp_path / "kept.jsonl", list[str]()
    score = campaign(order, kept=kept, seen=lambda name, done, of: seen.append(name))
    killers = {fate.name: {fault for _, fault in fate.killers} for fate in score.fates}
    assert killers.pop("one_label_for_all_lanes") & {"mismatch"}
    assert killers == {"hangs": {"hung"}, "does_not_even_begin": {"died"}, "another_version": set()}
    assert (score.killed, len(score.counted), set(score.equivalent)) == (3, 3, {"another_version"})
    assert score.stale == ("one_label_for_all_lanes",)
    assert score.idle is None
    assert "ADDR-19" not in score.unjudged
    seen.clear()
    kept.write_bytes(kept.read_bytes() + b'{"cut off')
    assert campaign(order, kept=kept, seen=lambda name, done, of: seen.append(name)) == score
    assert seen == []  # all of it was known


@pytest.mark.slow
def test_with_all_tests_it_says_which_kill_nothing(other: Path) -> None:
    order = Order(other, ("first_verdict.adapter",), 0, select="one_label_*", all_tests=True, timeout_s=3.0)
    score = campaign(order)
    (fate,) = score.fates
    assert len(fate.killers) > 1
    assert score.idle is not None
    killers = {test for test, _ in fate.killers}
    assert killers.isdisjoint(score.idle)
    assert len(killers) + len(score.idle) == score.tests


def test_a_mutant_speaks_by_itself(other: Path) -> None:
    command = [sys.executable, "-m", HOST, str(other), "another_version"]
    with Testee(command, 30.0) as program:
        assert program.hello.version == "2"
    drawn = next(m.name for m in read_list(other).drawn() if m.operator == "check-dropped")
    with Testee([*command[:-1], drawn], 30.0) as program:
        assert program.hello.version == "1"


def test_a_name_that_no_mutant_has_is_an_error(other: Path) -> None:
    done = subprocess.run([sys.executable, "-m", HOST, str(other), "nobody"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no mutant is called 'nobody'" in done.stderr
    assert "Traceback" not in done.stderr


# -------------------------------------------------------------------- a campaign that is stopped


@pytest.mark.slow
def test_a_campaign_that_is_killed_leaves_no_process_behind(other: Path, tmp_path: Path) -> None:
    endless = OTHER.replace("while True: pass; ", "input(); ")
    other.write_text(endless)
    code = (
        "from pathlib import Path; from communicator_conformance.mutants import Order, campaign;"
        f"campaign(Order(Path({str(other)!r}), ('first_verdict.adapter',), 0, select='hangs', timeout_s=600.0),"
        "seen=lambda what, done, of: print(what, done, of, flush=True))"
    )
    script = tmp_path / "begin.py"
    script.write_text(f"if __name__ == '__main__':\n    {code}\n")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            done, of = line.split()[-2:]
            if done == of:
                break
        assert _running(str(tmp_path))
        os.kill(process.pid, signal.SIGKILL)
    for _ in range(600):
        if not _running(str(tmp_path)):
            return
        signal.sigtimedwait([], 0.1)
    raise AssertionError(_running(str(tmp_path)))


def _running(place: str) -> list[str]:
    """Return the command lines that name a place."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has just ended
            continue
        if place in line:
            found.append(line)
    return found


def test_results_are_kept_by_what_they_depend_on() -> None:
    mutant = LIST.by_hand()[0]
    other = msgspec.structs.replace(mutant, edit=msgspec.structs.replace(mutant.edit, now=b"another"))
    assert len({mutant.digest("a"), mutant.digest("b"), other.digest("a")}) == 3
