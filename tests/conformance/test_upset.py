"""Nothing that a program does upsets the suite: a verdict and a hint, never a pass, and no process is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from communicator_conformance import Fault, Status, Verdict, errors, matrix, run, testee
from communicator_conformance.doctor import State, examine
from communicator_conformance.hints import HINTS
from communicator_conformance.protocol import LINE_BYTES_MAX, Unsupported
from communicator_conformance.scripts import between, published_scripts
from communicator_conformance.testee import Testee
from communicator_conformance.vectors import published

COMMUNICATOR = str(Path(sys.executable).with_name("communicator"))
SPEAKS = """
import json, os, signal, sys, time
HELLO = {"name": "upsetting", "version": "1", "language": "Python", "suites": [1], "features": ["live", "hpke"],
         "roles": ["rm", "ssa", "rsa"], "profiles": ["label/1", "two-layer/1"]}

def say(text):
    os.write(1, text if isinstance(text, bytes) else text.encode())

for line in sys.stdin:
    asked = json.loads(line)
    if asked["op"] == "hello":
        say(json.dumps({"id": asked["id"], "ok": HELLO}) + "\\n")
        continue
    unsupported = json.dumps({"id": asked["id"], "unsupported": True}) + "\\n"
"""
SILENCE = "time.sleep(3600)"


class Upset(NamedTuple):
    """What a program does with each question after hello, and what is found."""

    does: str
    fault: Fault
    detail: str
    timeout_s: float = 30.0
    """Long, where what it does ends the waiting; where only time ends it, what must come comes long before."""


SOON_S, BEFORE_LONG_S = 0.4, 3.0
UPSETS = {
    "is silent": Upset("pass", Fault.HUNG, "no answer in time", SOON_S),
    "answers late": Upset("time.sleep(9); say(unsupported)", Fault.HUNG, "no answer in time", SOON_S),
    "closes stdout and lives": Upset(f"os.close(1); {SILENCE}", Fault.HUNG, "stdout is closed, and it still runs"),
    "closes stdin and lives": Upset(f"os.close(0); {SILENCE}", Fault.HUNG, "stdin is closed, and it still runs"),
    "ends": Upset("print('no more', file=sys.stderr); sys.exit(4)", Fault.DIED, "stdout is closed, exit code 4"),
    "is killed": Upset("os.kill(os.getpid(), 9)", Fault.DIED, "stdout is closed, exit code -9"),
    "writes half a line": Upset(
        "say('{\"id\":')", Fault.HUNG, 'no answer in time after half a line: {"id":', BEFORE_LONG_S
    ),
    "ends in a line": Upset("say('{\"i'); sys.exit()", Fault.DIED, 'closed after half a line: {"i, exit code 0'),
    "writes without end": Upset("[say(b'a' * (1 << 20)) for _ in range(100)]", Fault.GARBAGE, "a line of more than"),
    "writes many lines": Upset("[say(b'{}\\n' * (1 << 18)) for _ in range(100)]", Fault.GARBAGE, "Object missing"),
    "floods stderr": Upset(
        "while True: os.write(2, b'nothing to see here\\n' * 999)", Fault.HUNG, "no answer in time", SOON_S
    ),
    "answers twice": Upset("say(unsupported * 2)", Fault.GARBAGE, "not one answer to request 3"),
    "nests deep": Upset("say('[' * 900_000 + '\\n')", Fault.GARBAGE, "[[["),
    "writes no text": Upset("say(b'\\xff\\xfe\\n')", Fault.GARBAGE, "\N{REPLACEMENT CHARACTER}"),
    "starts a child that stays": Upset(
        f"import subprocess; subprocess.Popen([sys.executable, '-c', 'import time; {SILENCE}']); sys.exit(5)",
        Fault.HUNG,
        "no answer in time",
        SOON_S,
    ),
}


@pytest.fixture
def upsetting(tmp_path: Path) -> Callable[[str], list[str]]:
    """Return the command of a program that does this with each question after hello."""

    def written(does: str) -> list[str]:
        program = tmp_path / "upsetting.py"
        program.write_text(f"{SPEAKS}    {does}\n", "utf-8")
        return [sys.executable, "-S", str(program)]

    return written


def _faults(verdict: Verdict) -> set[Fault | None]:
    return {r.fault for r in verdict.failures}


@pytest.mark.parametrize("name", UPSETS)
def test_a_run_goes_on_to_its_verdict(name: str, upsetting: Callable[[str], list[str]]) -> None:
    upset = UPSETS[name]
    verdict = run(upsetting(upset.does), select="label/derive*", timeout_s=upset.timeout_s)
    by_id = {r.id: r for r in verdict.results}
    assert not verdict.ok
    assert upset.fault in _faults(verdict)
    assert not [r for r in verdict.results if r.clauses and r.status is Status.PASSED]
    failed = by_id["protocol/honesty"] if name != "answers twice" else by_id["label/derive"]
    assert (failed.fault, upset.detail in failed.detail) == (upset.fault, True), failed.detail


HELLOS = {
    "is silent": (SILENCE, Fault.HUNG, "no answer in time"),
    "ends at once": ("import sys; print('no licence', file=sys.stderr); sys.exit(3)", Fault.DIED, "exit code 3"),
    "greets": ("print('Welcome!', flush=True); " + SILENCE, Fault.GARBAGE, "Welcome!"),
    "says half a hello": ("print('{\"id\":1', end='', flush=True); " + SILENCE, Fault.HUNG, 'half a line: {"id":1'),
    "offers numbers": ('print(\'{"id":1,"ok":{"name":7}}\', flush=True); ' + SILENCE, Fault.GARBAGE, "$.name"),
}


@pytest.mark.parametrize("name", HELLOS)
def test_a_program_without_a_hello_is_one_failure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    does, fault, detail = HELLOS[name]
    timeout_s = {"is silent": SOON_S, "says half a hello": BEFORE_LONG_S}.get(name, 30.0)
    monkeypatch.setattr(testee, "_START_S", timeout_s)
    verdict = run([sys.executable, "-S", "-c", f"import time; {does}"], timeout_s=timeout_s)
    (failed,) = verdict.results
    assert (failed.id, failed.fault) == ("protocol/hello", fault)
    assert detail in failed.detail
    assert failed.log == (("! no licence",) if name == "ends at once" else ())


@pytest.fixture
def unstartable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
    """Return programs that cannot be started, each with a part of what is said about it."""
    texts = {"plain": "print()\n", "lost": "#!/no/such/interpreter\n", "bare": "\x00\x01"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
        (tmp_path / name).chmod(0o644 if name == "plain" else 0o755)
    monkeypatch.chdir(tmp_path)
    return {
        "without its folder": ("plain", "begins with ./"),
        "absent": (str(tmp_path / "absent"), "no such file"),
        "one word": ("python3 adapter.py", "separate words"),
        "a directory": (str(tmp_path), "a directory"),
        "not executable": (str(tmp_path / "plain"), "chmod +x"),
        "wrong interpreter": (str(tmp_path / "lost"), "interpreter that is not there"),
        "no program": (str(tmp_path / "bare"), "#!"),
    }


def test_what_cannot_be_started_says_why(unstartable: dict[str, tuple[str, str]]) -> None:
    assert [_faults(run(command)) for command in ([], ["a\0b"])] == [{Fault.DIED}] * 2
    for name, (program, why) in unstartable.items():
        (failed,) = run([program]).results
        assert (failed.id, failed.fault) == ("protocol/hello", Fault.DIED), name
        assert failed.detail.startswith(f"cannot start {program}: "), name
        assert why in failed.detail, name
        with Testee([program]) as absent:
            (finding,) = examine(absent, published())
        assert (finding.state, why in finding.detail) == (State.ILL, True), name
        assert finding.hint == HINTS[Fault.DIED]


@pytest.mark.parametrize("name", ["is silent", "ends", "writes half a line", "answers twice", "floods stderr"])
def test_the_doctor_comes_to_an_end(name: str, upsetting: Callable[[str], list[str]]) -> None:
    upset = UPSETS[name]
    with Testee(upsetting(upset.does), upset.timeout_s) as program:
        found = list(examine(program, published()))
    ill = [finding for finding in found if finding.state is State.ILL]
    assert str(upset.fault) in ill[0].detail
    assert ill[0].hint == HINTS[upset.fault]
    assert ill[0].lines


@pytest.mark.parametrize("name", ["is silent", "ends", "writes half a line", "writes many lines"])
def test_a_script_with_it_fails_and_says_how(name: str, upsetting: Callable[[str], list[str]]) -> None:
    upset, script = UPSETS[name], {"conversation": published_scripts()["conversation"]}
    ids = frozenset({"script/conversation:label", "script/conversation:two-layer"})
    with Testee(upsetting(upset.does), upset.timeout_s) as program, Testee(["reference"]) as partner:
        found = list(between(program, partner, script, ids))
    assert [(r.status, r.fault) for r in found] == [(Status.FAILED, upset.fault)] * 2
    assert found[0].lines


def test_a_matrix_with_it_has_its_row_and_column_red(
    upsetting: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "published_scripts", lambda: {"conversation": published_scripts()["conversation"]})
    programs = {"reference": ["reference"], "silent": upsetting("pass"), "absent": ["/no/such/program"]}
    (alone,) = matrix.cells({"reference": ["reference"]}, 30.0)
    assert alone.ok
    cells = {(cell.first, cell.second): cell for cell in matrix.cells(programs, SOON_S)}
    assert len(cells) == 9
    for pair, cell in cells.items():
        if pair != ("reference", "reference"):  # it may be slow, too
            assert not cell.ok
            assert {r.fault for r in cell.results} == {Fault.DIED if "absent" in pair else Fault.HUNG}


# -------------------------------------------------------------------- what it may cost


def test_a_line_without_end_is_not_read_to_its_end(upsetting: Callable[[str], list[str]], tmp_path: Path) -> None:
    told = tmp_path / "written"
    does = f"for n in range(100): say(b'a' * (1 << 20)); open({str(told)!r}, 'w').write(str(n + 1))"
    verdict = run(upsetting(does), select="no/such", timeout_s=30.0)
    assert _faults(verdict) == {Fault.GARBAGE}
    assert int(told.read_text("utf-8")) <= 2 * LINE_BYTES_MAX >> 20


def test_a_loud_log_is_no_fault_and_its_end_is_kept(upsetting: Callable[[str], list[str]]) -> None:
    loud = "os.write(2, b'more and more of it\\n' * 400_000 + b'the end\\n')"
    does = f"{loud}; say(unsupported if asked['id'] < 4 else '?\\n')"
    with Testee(upsetting(does), 30.0) as program:
        assert [type(program.ask("a.b", 0, "", {})) for _ in range(2)] == [Unsupported] * 2
        with pytest.raises(errors.TesteeError):
            program.ask("a.b", 0, "", {})
        *_, last = program.lines
    assert last == "! the end"


def _waited(program: Testee, ops: list[str]) -> float:
    """Ask until all is said, and return how long it took, in seconds."""
    begun_s = time.monotonic()
    for op in ops:
        with pytest.raises(errors.TesteeError):
            program.ask(op, 0, "", {})
    return time.monotonic() - begun_s


def test_a_program_that_hangs_at_everything_costs_its_time_out_once(upsetting: Callable[[str], list[str]]) -> None:
    verdict = run(upsetting("pass"), timeout_s=2.0)
    waited = [r for r in verdict.failures if r.fault is Fault.HUNG and "not asked" not in r.detail]
    refused = [r for r in verdict.failures if "not asked: the program hung 8 times" in r.detail]
    assert len(waited) == 8  # one time-out, and a tenth of it seven times
    assert len(refused) > 100
    assert {r.fault for r in refused} == {Fault.HUNG}
    assert not [r for r in verdict.results if r.status is Status.PASSED and r.id != "protocol/hello"]


def test_an_operation_that_hangs_is_asked_twice_and_the_others_go_on(
    upsetting: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testee, "_SHORTER", 1)  # a tenth would be little for the others
    does = "say(unsupported) if asked['op'] == 'b.works' else None"
    with Testee(upsetting(does), BEFORE_LONG_S) as program:
        details = []
        for _ in range(4):
            with pytest.raises(errors.TesteeError) as caught:
                program.ask("a.hangs", 0, "", {})
            details.append(str(caught.value))
            assert isinstance(program.ask("b.works", 0, "", {}), Unsupported)
    assert details == ["no answer in time"] * 2 + ["not asked: a.hangs hung 2 times"] * 2


def test_a_slow_program_that_hung_once_keeps_its_time(upsetting: Callable[[str], list[str]]) -> None:
    does = "time.sleep(0.7); say(unsupported) if asked['op'] != 'a.hangs' else None"
    with Testee(upsetting(does), 5.0) as program:
        assert isinstance(program.ask("b.slow", 0, "", {}), Unsupported)
        with pytest.raises(errors.TesteeError):
            program.ask("a.hangs", 0, "", {})
        assert isinstance(program.ask("b.slow", 0, "", {}), Unsupported)  # a tenth of the time-out would be 0.5 s


# -------------------------------------------------------------------- what two runs have in common

LIVE = [sys.executable, str(Path(__file__).parent / "liars" / "live.py"), "forgets"]


@pytest.mark.parametrize(("does", "select"), [("", "script/conversation:*"), ("sys.exit(4)", "hpke/*")])
def test_two_runs_of_what_fails_write_the_same_bytes(
    does: str, select: str, upsetting: Callable[[str], list[str]], tmp_path: Path
) -> None:
    command = upsetting(f"print(os.getpid(), time.time(), file=sys.stderr); {does}") if does else LIVE
    for seed in (1, 2):  # of the order of sets and dictionaries
        cli = [COMMUNICATOR, "conform", "--select", select, "--seed", "7", "--jsonl", str(tmp_path / f"{seed}.jsonl"),
               "--junit", str(tmp_path / f"{seed}.xml"), "--", *command]  # fmt: skip
        done = subprocess.run(cli, env={**os.environ, "PYTHONHASHSEED": str(seed)}, stdout=subprocess.DEVNULL)
        assert done.returncode == 1
    first, second = ((tmp_path / f"{seed}.jsonl").read_bytes() for seed in (1, 2))
    assert b'"failed"' in first
    assert first == second
    if does:  # the log was there, and was another one
        logs = [(tmp_path / f"{seed}.xml").read_text("utf-8").count("system-err") for seed in (1, 2)]
        assert min(logs) > 0
        assert (tmp_path / "1.xml").read_bytes() != (tmp_path / "2.xml").read_bytes()


# -------------------------------------------------------------------- what is left behind


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[tuple[list[str], Path]]:
    """A program that ignores polite signals, with a child that does, too; it writes down both process ids."""
    pids, program = tmp_path / "pids", tmp_path / "stubborn.py"
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN)"
    child = f"import signal, time; {deaf}; {SILENCE}"
    program.write_text(
        f"import subprocess\n{SPEAKS}    {deaf}\n"
        f"    child = subprocess.Popen([sys.executable, '-S', '-c', {child!r}])\n"
        f"    open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}} ')\n    {SILENCE}\n",
        "utf-8",
    )
    yield [sys.executable, "-S", str(program)], pids
    for pid in _pids(pids):
        if _lives(pid):
            os.kill(pid, signal.SIGKILL)


def _pids(path: Path) -> list[int]:
    text = path.read_text("utf-8") if path.exists() else ""
    return [int(word) for word in text.split()] if text.endswith(" ") else []


def _lives(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _until(holds: Callable[[], object]) -> None:
    for _ in range(3000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to that")


def test_a_program_that_ignores_signals_is_gone_with_its_child(stubborn: tuple[list[str], Path]) -> None:
    command, pids = stubborn
    with Testee(command, 2 * BEFORE_LONG_S) as program, pytest.raises(errors.TesteeError):
        program.ask("a.b", 0, "", {})
    assert len(_pids(pids)) == 2
    _until(lambda: not any(map(_lives, _pids(pids))))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_leaves_no_process(
    stubborn: tuple[list[str], Path], number: signal.Signals, code: int
) -> None:
    command, pids = stubborn
    cli = [COMMUNICATOR, "conform", "--timeout", "600", "--", *command]
    with subprocess.Popen(cli, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as stopped:
        _until(lambda: _pids(pids))
        stopped.send_signal(number)
        out, err = stopped.communicate()
    assert stopped.returncode == code
    assert b"Traceback" not in out + err
    assert len(_pids(pids)) == 2
    _until(lambda: not any(map(_lives, _pids(pids))))


def test_a_partner_that_fails_is_not_the_fault_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testee, "resolve", lambda command: ["/no/such"] if command == ["reference"] else command)
    program = [sys.executable, "-m", "communicator_impl.adapter"]
    with pytest.raises(errors.PartnerError, match="other part"):
        run(program, select="script/conversation:label")
    assert run(program, select="label/derive").ok
