"""Scripts: the reference plays all of them in both casts; who loses, doubles or changes a message is found."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from communicator_conformance import Fault, Status, matrix
from communicator_conformance.errors import VectorError
from communicator_conformance.operations import LIVE_OPERATIONS
from communicator_conformance.protocol import Answer
from communicator_conformance.scripts import between, play, published_scripts, script, scripts_of
from communicator_conformance.scripts.scenes import DOINGS
from communicator_conformance.testee import Testee
from communicator_spec.errors import ErrorClass

LIVE = Path(__file__).parent / "liars" / "live.py"
SCRIPTS = published_scripts()
PARTS = [
    "device-crashes",
    "end-told",
    "old-database",
    "other-senders",
    "profile-update",
    "refused-submissions",
    "revoked-epochs",
    "read-receipts",
    "rotation",
    "services-crash",
    "spent-package",
    "standby",
    "sunset",
]
PLAYS = [(name, test) for name, found in SCRIPTS.items() for test, _ in scripts_of(found, name)]


class Listening(Testee):
    """Keeps what is asked."""

    def __init__(self, command: list[str]) -> None:
        super().__init__(command, 60.0)
        self.asked: list[tuple[object, ...]] = []

    def ask(self, op: str, now: int, entropy: str, args: object) -> Answer:
        self.asked.append((op, now, entropy, repr(args)))
        return super().ask(op, now, entropy, args)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Listening, Listening]]:
    with Listening(["reference"]) as first, Listening(["reference"]) as second:
        yield first, second


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(("name", "test"), PLAYS)
def test_two_references_play_it(pair: tuple[Listening, Listening], name: str, test: str, swapped: bool) -> None:
    (result,) = between(*pair, {name: SCRIPTS[name]}, frozenset({test}), swapped=swapped)
    assert (result.status, result.detail) == (Status.PASSED, "")
    assert result.id == test


def test_all_operations_and_doings_have_a_part_somewhere() -> None:
    with Listening(["reference"]) as program:
        for name in PARTS:
            play(name, SCRIPTS[name], "label/1", lambda kind, of: program)
        play("restored-backup", SCRIPTS["restored-backup"], "two-layer/1", lambda kind, of: program)
    of_scripts = {name for name, operation in LIVE_OPERATIONS.items() if "formal" not in operation.needs}
    assert of_scripts == {str(op) for op, *_ in program.asked}
    assert {scene.do for found in SCRIPTS.values() for scene in found.scenes} == DOINGS.keys()


def test_the_same_seed_asks_the_same_questions() -> None:
    asked = []
    for seed in (1, 1, 2):
        with Listening(["reference"]) as program:
            play("receipts", SCRIPTS["receipts"], "label/1", partial(_alone, program), seed)
            asked.append(program.asked)
    assert asked[0] == asked[1]
    assert asked[0] != asked[2]


def _alone(program: Testee, kind: str, name: str) -> Testee:
    return program


def test_a_program_that_dies_in_the_middle_fails_the_play() -> None:
    with Testee([sys.executable, str(LIVE), "no such lie"], 60.0) as program:
        result = play("receipts", SCRIPTS["receipts"], "label/1", lambda kind, name: program)
    assert (result.status, result.fault) == (Status.FAILED, Fault.DIED)


def test_a_fault_that_never_happens_fails_the_play(pair: tuple[Listening, Listening]) -> None:
    late = script.Fault(script.Link.FETCH, script.FaultKind.DROP, since="9d")
    quiet = msgspec.structs.replace(SCRIPTS["receipts"], faults=(late,))
    result = play("receipts", quiet, "label/1", lambda kind, name: pair[0])
    assert (result.status, result.fault) == (Status.FAILED, Fault.UNFIRED)


def test_what_is_expected_is_held(pair: tuple[Listening, Listening]) -> None:
    wrong = script.Expect("delivered", "blair", "alex", value=4)
    demanding = msgspec.structs.replace(SCRIPTS["receipts"], expects=(wrong,))
    result = play("receipts", demanding, "label/1", lambda kind, name: pair[0])
    assert (result.status, result.fault) == (Status.FAILED, Fault.UNMET)
    assert "is 3, not 4" in result.detail


def test_the_matrix_has_a_cell_for_each_ordered_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {name: SCRIPTS[name] for name in ("first-contact", "spent-package")}
    monkeypatch.setattr(matrix, "published_scripts", lambda: chosen)
    liar = [sys.executable, str(LIVE), "changes"]
    found = {
        (c.first, c.second): c for c in matrix.cells({"good": ["reference"], "bad": liar, "none": ["/no/such"]}, 60.0)
    }
    assert len(found) == 9
    assert found["good", "good"].ok
    assert {pair for pair, cell in found.items() if not cell.ok} == found.keys() - {("good", "good")}
    assert all(r.met == () for r in found["good", "none"].results)
    assert found["good", "good"].results[0].met == ("rm-rm", "ssa-rsa", "rm-ssa", "rm-rsa")
    assert {r.fault for r in found["good", "none"].results} == {Fault.DIED}
    assert {r.fault for r in found["bad", "good"].results} == {None, Fault.MISMATCH}


def test_a_script_is_read_strictly() -> None:
    for text in ("3", "3 h", "h", "1.5h", "3w"):
        with pytest.raises(VectorError):
            script.seconds(text)
    assert [script.seconds(text) for text in ("90s", "-5min", "2h", "30d")] == [90, -300, 7200, 2_592_000]


def test_who_offers_no_role_is_skipped_and_says_what_it_needs() -> None:
    lines = 'import sys\nsys.stdin.readline()\nprint(\'{"id":1,"ok":{"name":"n","version":"1","language":"x",'
    lines += '"roles":["rm"],"profiles":["label/1"],"suites":[1],"features":[]}}\', flush=True)\nsys.stdin.read()\n'
    with Testee([sys.executable, "-c", lines], 60.0) as program, Testee(["reference"], 60.0) as partner:
        (result,) = between(program, partner, {"receipts": SCRIPTS["receipts"]}, frozenset({"script/receipts:label"}))
    assert result.status is Status.SKIPPED
    assert "live" in result.detail


def test_error_classes_on_the_stage_are_those_of_the_standard() -> None:
    assert {found.value for found in ErrorClass} >= {"malformed", "too-large", "limit", "replayed"}
