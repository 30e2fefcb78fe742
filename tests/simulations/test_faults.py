"""Fault plans: data that can be kept and cut, faults that count, judges that find what is planted, and nothing else."""

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec
import pytest

from communicator_impl import own_addresses
from communicator_simulations.faults.drawing import draw_plan
from communicator_simulations.faults.fuzzing import Explored, explore, known_of, plan_seed, tried
from communicator_simulations.faults.judging import firing, judge, ran
from communicator_simulations.faults.plan import DAY, HOUR, Fault, FaultPlan, Person, PlanError, What, check, load
from communicator_simulations.faults.planted import PLANTS, narrows, planted
from communicator_simulations.faults.shrinking import cut, shrink
from communicator_spec import Kind, renew
from communicator_spec.formal.checks import seeded

SEED: Final = 1
TWO: Final = FaultPlan(
    seed=5, faults_min=3 * DAY, calm_min=16 * DAY, providers=4,
    people=(Person((0, 1), (2, 3)), Person((2, 3), (0, 1))), pairs=((0, 1),),
    writes=tuple((hour * HOUR, hour % 2) for hour in range(1, 9)),
)  # fmt: skip
"""Two people who write to each other; tests add what goes wrong."""

EASY: Final = ("numbers grants alike", "counts kinds apart", "uses an address again", "believes strangers",
               "forgets what it sent", "adopts older sets", "chooses freely", "leaves early")  # fmt: skip
"""Plants that the first plans show, by each judge that there is."""


def with_fault(**given: object) -> FaultPlan:
    return msgspec.structs.replace(TWO, faults=(msgspec.convert(given, Fault),))


# ---------------------------------------------------------------------- plans are data


@pytest.mark.parametrize("number", range(6))
def test_a_plan_is_the_same_in_json_and_in_toml(number: int, tmp_path: Path) -> None:
    plan = draw_plan(plan_seed(SEED, number))
    for name, text in (("plan.json", plan.json()), ("plan.toml", plan.toml())):
        (tmp_path / name).write_text(text)
        assert load(str(tmp_path / name)) == plan
    assert load(plan.json()) == plan
    assert tomllib.loads(plan.toml())["faults"][0]["what"] == plan.faults[0].what


def test_a_seed_only_writes_the_plan() -> None:
    assert draw_plan(7) == draw_plan(7)
    assert len({draw_plan(seed).json() for seed in range(20)}) == 20
    drawn = Counter(fault.what for seed in range(60) for fault in draw_plan(seed).faults)
    assert set(drawn) == set(What)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"at_min": 5, "what": "crash", "whom": "person", "which": 0, "for_min": 5},
            "crash is of receiving or sending",
        ),
        ({"at_min": 5, "what": "crash", "whom": "sending", "which": 4, "for_min": 5}, "there is no sending 4"),
        ({"at_min": 5, "what": "crash", "whom": "sending", "which": 1}, "for_min"),
        ({"at_min": 5, "what": "delay", "whom": "receiving", "which": 1, "for_min": 5}, "by_min"),
        ({"at_min": 5, "what": "move", "whom": "person", "which": 1}, "the old one and the new one"),
        ({"at_min": 4 * DAY, "what": "junk", "whom": "receiving", "which": 1}, "phase of faults"),
    ],
)
def test_what_cannot_be_is_refused_by_name(given: dict[str, object], says: str) -> None:
    with pytest.raises(PlanError, match=says):
        check(with_fault(**given))


@pytest.mark.parametrize("text", ["{", "missing.toml", '{"seed": 1}', '{"seed": 1, "luck": 2}'])
def test_what_is_no_plan_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(PlanError) as caught:
        load(text)
    assert "\n" not in caught.value.line


# ---------------------------------------------------------------------- faults happen, and count


HAPPENS: Final[tuple[tuple[dict[str, object], dict[str, object], Kind | None], ...]] = (
    ({"what": "crash", "whom": "receiving", "which": 2}, {"for_min": DAY}, Kind.CRASHED),
    ({"what": "crash", "whom": "sending", "which": 2}, {"for_min": DAY}, Kind.CRASHED),
    ({"what": "die", "whom": "receiving", "which": 2}, {}, Kind.DIED),
    ({"what": "lose", "whom": "receiving", "which": 2}, {"for_min": DAY}, None),
    ({"what": "lose-answers", "whom": "receiving", "which": 2}, {"for_min": DAY}, Kind.REFUSED),
    ({"what": "duplicate", "whom": "receiving", "which": 2}, {"for_min": DAY}, Kind.REFUSED),
    ({"what": "delay", "whom": "receiving", "which": 2}, {"for_min": DAY, "by_min": HOUR}, None),
    ({"what": "offline", "whom": "person", "which": 1}, {"for_min": DAY}, None),
    ({"what": "device-dies", "whom": "person", "which": 0}, {"for_min": DAY}, None),
    ({"what": "unconfirmed", "whom": "person", "which": 1}, {"for_min": DAY}, None),
    ({"what": "junk", "whom": "receiving", "which": 2}, {}, Kind.INJECTED),
    ({"what": "replay", "whom": "receiving", "which": 0, "at_min": 2 * DAY}, {}, Kind.INJECTED),
    ({"what": "stray", "whom": "end", "which": 1}, {}, Kind.INJECTED),
    ({"what": "move", "whom": "person", "which": 1}, {"services": (2, 1)}, Kind.MOVED),
    ({"what": "switch", "whom": "person", "which": 0}, {"services": (2, 1)}, None),
    ({"what": "refuse", "whom": "end", "which": 1}, {}, Kind.ENDED),
)


@pytest.mark.parametrize(("what", "how", "shows"), HAPPENS, ids=[f"{w['what']} {w['whom']}" for w, _, _ in HAPPENS])
def test_each_fault_happens_and_everything_comes_to_its_end(
    what: dict[str, object], how: dict[str, object], shows: Kind | None
) -> None:
    plan = check(with_fault(**{"at_min": 30, **what, **how}))
    model, cores = ran(plan, "model"), ran(plan, "impl")
    verdict = judge(plan, model, cores)
    assert verdict.met[0] > 0
    assert verdict.found is None, verdict.found
    calm = ran(TWO, "model").log
    assert cores.log != calm, "a fault that changes nothing is none"
    if shows is not None:
        kinds = [Counter(row[1] for row in log) for log in (cores.log, calm)]
        assert kinds[0][shows] > kinds[1][shows]


def test_the_list_of_what_happens_is_complete() -> None:
    assert {what["what"] for what, _, _ in HAPPENS} == set(What)


def test_a_fault_that_meets_nothing_makes_the_plan_not_valid_and_is_named() -> None:
    idle = with_fault(at_min=2 * DAY, what="lose", whom="receiving", which=1, for_min=1)
    verdict = judge(idle, ran(idle, "model"), ran(idle, "impl"))
    assert verdict.unfired == (0,)
    assert firing(idle)[0].faults == ()


@pytest.mark.parametrize("number", range(3))
def test_drawn_plans_are_valid_and_nothing_is_wrong_with_the_cores(number: int) -> None:
    plan, verdict = tried(SEED, number, 4)
    assert verdict.found is None, verdict.found
    assert verdict.unfired == ()
    assert len(plan.faults) > 0
    assert verdict.messages > 10


# ---------------------------------------------------------------------- what is planted is found


def test_every_seeded_fault_of_the_formal_model_is_planted() -> None:
    assert set(PLANTS) == seeded()


def test_a_plant_is_gone_afterwards() -> None:
    with planted(PLANTS["narrows its set"]):
        assert vars(own_addresses)["renew"] is narrows
    assert vars(own_addresses)["renew"] is renew


@pytest.mark.parametrize("plant", EASY)
def test_what_is_planted_is_found(plant: str) -> None:
    found = next(v.found for n in range(5) if (v := tried(SEED, n, 3, plant)[1]).found)
    assert found is not None


def test_a_failing_plan_shrinks_to_the_same_small_plan_which_still_fails() -> None:
    faults = [
        {"at_min": 20, "what": "lose-answers", "whom": "receiving", "which": 2, "for_min": DAY},
        {"at_min": 30, "what": "duplicate", "whom": "receiving", "which": 3, "for_min": DAY},
        {"at_min": DAY, "what": "switch", "whom": "person", "which": 0, "services": (2, 1)},
    ]
    plan = msgspec.structs.replace(TWO, faults=msgspec.convert(faults, tuple[Fault, ...]))
    found = judge(plan, ran(plan, "model"), ran(plan, "impl", "takes an address twice")).found
    assert found is not None
    small = shrink(plan, found, "takes an address twice")
    assert small == shrink(plan, found, "takes an address twice")
    assert len(small.plan.faults) == len(small.plan.writes) == 1
    assert small.plan.faults_min == 2 * DAY
    again = load(small.plan.json())
    shown = judge(again, ran(again, "model"), ran(again, "impl", "takes an address twice"))
    assert shown.found == small.finding
    assert judge(again, ran(again, "model"), ran(again, "impl")).found is None


@pytest.mark.parametrize("needed", [set(), {0}, {3, 17}, {1, 2, 19}, set(range(20))])
def test_cutting_keeps_what_is_needed_and_nothing_else(needed: set[int]) -> None:
    assert set(cut(range(20), lambda left: needed <= set(left))) == needed


# ---------------------------------------------------------------------- exploring


def test_an_exploration_goes_on_where_it_stopped(tmp_path: Path) -> None:
    keep = tmp_path / "kept.json"
    first, failure = explore(known_of(keep, SEED, 3), 0.0, 1, keep)
    assert failure is None
    assert first == known_of(keep, SEED, 3)
    assert first.done == (0,)
    assert known_of(tmp_path / "other.json", SEED, 3) == Explored(SEED, 3)
    second, _ = explore(first, 0.0, 1, keep)
    assert second.done == (0, 1)
    assert second.tried.plans == 2 * first.tried.plans
    assert json.loads(keep.read_text())["done"] == [0, 1]
