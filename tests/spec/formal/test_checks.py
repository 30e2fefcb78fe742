import json
from pathlib import Path

import msgspec
import pytest

from communicator_spec.formal import command
from communicator_spec.formal.checks import CHECKS, InstanceCheck, load, rewritten, seeded
from communicator_spec.formal.model import Model, like, world
from communicator_spec.formal.report import summary, table
from communicator_spec.formal.running import Result, run
from communicator_spec.formal.values import Map


def test_the_file_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "checks.toml"
    path.write_text(CHECKS.read_text() + '\n[[instance]]\nname = "x"\ninvariants = []\nspeed = 3\n')
    with pytest.raises(msgspec.ValidationError, match="speed"):
        load(path)


def test_a_name_is_used_once(tmp_path: Path) -> None:
    path = tmp_path / "checks.toml"
    path.write_text('[text]\nmain = "x.qnt"\n' + '\n[[instance]]\nname = "x"\ninvariants = []\n' * 2)
    with pytest.raises(ValueError, match="twice"):
        load(path)


def test_every_seeded_fault_is_sought() -> None:
    checks = load()
    assert seeded() == {c.fault for c in checks.fault} | {c.fault for c in checks.liveness if c.fault}


FILE = """\
# about
[text]
main = "x.qnt"

# the first
[[instance]]
name = "one"
invariants = [
  "a",
]

# the second
[[instance]]
name = "two"
invariants = []
states = 5

[[fault]]
fault = "says \\"no\\""
breaks = "a"
"""


def test_counts_are_written_into_their_table_and_nothing_else_changes() -> None:
    text = rewritten(FILE, "instance", "name", "one", {"states": 7, "depth": 2})
    text = rewritten(text, "instance", "name", "two", {"states": 8})
    text = rewritten(text, "fault", "fault", 'says "no"', {"steps": 9})
    expected = FILE.replace("]\n\n# the second", "]\nstates = 7\ndepth = 2\n\n# the second")
    expected = expected.replace("states = 5", "states = 8") + "steps = 9\n"
    assert text == expected
    with pytest.raises(KeyError):
        rewritten(FILE, "instance", "name", "three", {"states": 1})


def deliver(**changes: object) -> InstanceCheck:
    found = next(check for check in load().instance if check.name == "deliver")
    return msgspec.structs.replace(found, **changes)


def test_an_instance_with_its_counts_is_right() -> None:
    result = run(deliver(), load())
    assert result.problems == ()
    assert result.counts["states"] == deliver().states


def test_other_counts_are_a_difference() -> None:
    assert "not 75 as committed" in run(deliver(states=75), load()).problems[0]


def test_a_witness_that_is_not_reached_is_a_problem() -> None:
    assert run(deliver(witnesses=("wMoved",)), load()).problems[0] == "witness wMoved is not reached"


def test_a_violation_is_shown_with_its_run() -> None:
    result = run(deliver(set={"terms.fault": "forgets what it sent"}), load())
    assert "does not hold" in result.problems[0]
    assert result.run[0].split()[1] == "submits"
    assert result.trace.startswith('{"instance":"deliver"')


def test_a_fault_that_is_not_found_is_a_problem() -> None:
    fault = next(check for check in load().fault if not check.walks)
    result = run(msgspec.structs.replace(fault, instance="deliver", set={}, breaks="onlyPeers", fault="none"), load())
    assert result.problems == ("onlyPeers holds in spite of the fault",)


def test_the_table_says_what_is_wrong() -> None:
    good = Result(kind="instance", name="a", where="a", counts={"states": 1234}, verdict="all hold")
    bad = Result(kind="fault", name="b", where="c", counts={}, verdict="NOT FOUND", problems=("b holds",))
    lines = "\n".join(table([good, bad]))
    assert "ok    a  " in lines
    assert "1,234 states" in lines
    assert "FAIL  b" in lines
    assert summary([good, bad], ["old"]).endswith("model: 2 checks, 1,234 states, 0/1 seeded faults found, 2 wrong")


def test_worlds_are_changed_by_path_and_by_type() -> None:
    changed = world("deliver", {"terms.fault": "x", "spare": [4], "messages": {"0": 3, "1": 0}})
    assert changed.terms.fault == "x"
    assert changed.spare == frozenset((4,))
    assert changed.messages == Map({0: 3, 1: 0})
    assert Model(changed).world is changed
    assert Model(changed._asdict()).world == changed


@pytest.mark.parametrize("wrong", [{"speed": 1}, {"terms.speed": 1}, {"terms.fault": 3}, {"spare": 4}])
def test_worlds_are_not_changed_in_other_ways(wrong: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError)):
        world("deliver", wrong)
    with pytest.raises(TypeError):
        like("a", 1)


def test_commands_say_what_they_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["search", "deliver", "--invariant", "safe", "--witness", "wDelivered"]) == 0
    assert "complete" in capsys.readouterr().out
    lost = ["search", "deliver", "--set", "terms.fault=forgets what it sent", "--invariant", "nothingLost"]
    assert command.main(lost) == 1
    assert "nothingLost VIOLATED" in capsys.readouterr().out
    assert command.main(["search", "nowhere"]) == 2
    assert command.main(["--only", "no such check"]) == 2


def test_results_are_json_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "deliver", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["counts"]["states"] == deliver().states


def test_a_trace_is_repeated_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(deliver(set={"terms.fault": "forgets what it sent"}), load())
    path = tmp_path / "run.jsonl"
    path.write_text(result.trace)
    assert command.main(["replay", str(path)]) == 0
    assert f"{len(result.run)} steps" in capsys.readouterr().out
