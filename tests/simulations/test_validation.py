"""Logs of both fidelities are behaviours of the formal model, relationship by relationship; falsified logs are not."""

import json
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

import msgspec
import pytest
from tests.simulations.corruptions import CORRUPTIONS, Corruption, Falsified, rows
from tests.simulations.worlds import HARSH, HARSH_FILE, SEED, town

from communicator_model import relationships
from communicator_model.faults import FaultKind
from communicator_model.world import World
from communicator_simulations.diary import Diary
from communicator_simulations.real import impl_fidelity
from communicator_simulations.runs import RunKey, Supplies, model_fidelity, simulate
from communicator_simulations.scenario import Scenario, load_scenario
from communicator_simulations.validation import main
from communicator_spec import Kind, Row, escalation_ms
from communicator_spec.formal.histories import History, Note, NotValidated, Said, histories
from communicator_spec.formal.validation import Deployment, Verdict, validate
from communicator_spec.nodes import Fidelity

MIGRATION: Final = load_scenario("migration")
PEOPLE, DAYS = 20, 1.0
PROFILES: Final = ("label/1", "two-layer/1")


class Kept(NamedTuple):
    """A run with its diary."""

    log: list[Row]
    notes: list[Note]
    deployment: Deployment


def keep(scenario: Scenario, profile: str, policy: str, fault: FaultKind, supplies: Supplies,
         fidelity: Fidelity) -> Kept:  # fmt: skip
    scenario = msgspec.structs.replace(scenario, profile=profile)
    log: list[Row] = []
    diary = Diary(fidelity, log)
    run = simulate(scenario, SEED, supplies, RunKey(policy, fault, 0), diary, log=log)
    return Kept(log, diary.notes, Deployment(run.terms, scenario.people.providers, profile == "two-layer/1"))


@cache
def harsh(profile: str, policy: str, fault: FaultKind) -> Kept:
    return keep(HARSH, profile, policy, fault, town(16, 3), model_fidelity(profile))


def verdicts(kept: Kept) -> dict[int, Verdict]:
    return {n: validate(history, kept.deployment) for n, history in histories(kept.log, kept.notes).items()}


def refused(kept: Kept) -> dict[int, Verdict]:
    return {number: verdict for number, verdict in verdicts(kept).items() if not verdict.accepted}


# ---------------------------------------------------------------------- what happens is a behaviour


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("fault", FaultKind)
@pytest.mark.parametrize("policy", [policy.name for policy in MIGRATION.policy])
def test_every_relationship_of_a_migration(policy: str, fault: FaultKind, profile: str) -> None:
    told = (MIGRATION, profile, policy, fault, town(PEOPLE, DAYS))
    model, cores = keep(*told, model_fidelity(profile)), keep(*told, impl_fidelity(profile, SEED))
    assert refused(model) == refused(cores) == {}
    assert model == cores
    assert len(histories(cores.log, cores.notes)) > 10


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("fault", FaultKind)
@pytest.mark.parametrize("policy", [policy.name for policy in HARSH.policy])
def test_everything_goes_wrong_and_is_explained(policy: str, fault: FaultKind, profile: str) -> None:
    kept = harsh(profile, policy, fault)
    assert refused(kept) == {}
    assert len(histories(kept.log, kept.notes)) > 10


def test_a_diary_changes_nothing_and_the_cores_write_the_same() -> None:
    log: list[Row] = []
    told = (HARSH, SEED, town(16, 3), RunKey("two", FaultKind.DEATH, 0))
    simulate(*told, model_fidelity("label/1"), log=log)
    model = harsh("label/1", "two", FaultKind.DEATH)
    cores = keep(HARSH, "label/1", "two", FaultKind.DEATH, town(16, 3), impl_fidelity("label/1", SEED))
    assert model.log == cores.log == log
    assert model.notes == cores.notes
    assert {note.said for note in model.notes} == set(Said)


def test_without_notes_of_what_was_silent_less_is_explained() -> None:
    kept = harsh("label/1", "two", FaultKind.DEATH)
    beginning = [note for note in kept.notes if note.said in (Said.USES, Said.HOLDS, Said.ANNOUNCES)]
    assert len(refused(kept._replace(notes=beginning))) > len(refused(kept))


# ---------------------------------------------------------------------- what did not happen is none


@cache
def accepted() -> tuple[tuple[History, Deployment], ...]:
    """Histories in which, together, everything occurs."""
    worlds = (("label/1", "two", FaultKind.SUNSET), ("two-layer/1", "one", FaultKind.DEATH))
    found = []
    for world in worlds:
        kept = harsh(*world)
        told = histories(kept.log, kept.notes)
        found += [(told[n], kept.deployment) for n, verdict in verdicts(kept).items() if verdict.accepted]
    return tuple(found)


def chosen(places: list[Falsified]) -> list[Falsified]:
    """The first, the last, and six between."""
    return places[:: max(1, len(places) // 7)] + places[-1:]


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.__name__)
def test_a_falsified_history_is_refused(corruption: Corruption) -> None:
    judged = 0
    for history, deployment in accepted():
        for place, falsified in chosen(list(corruption(history))):
            verdict = validate(falsified, deployment)
            assert not verdict.accepted, (history.relationship, place)
            assert verdict.explained >= place, (history.relationship, place)
            judged += 1
    assert judged >= 4


def test_what_is_another_behaviour_is_accepted() -> None:
    # A person may leave a service later; a relationship need not meet every fault; a log may end earlier.
    history, deployment = next((h, d) for h, d in accepted() if rows(h, Kind.LEFT))
    place, _ = rows(history, Kind.LEFT)[0]
    without = (*history.lines[:place], *history.lines[place + 1 :])
    assert validate(history._replace(lines=without), deployment).accepted
    assert validate(history._replace(lines=history.lines[:place]), deployment).accepted


# ---------------------------------------------------------------------- what the model does not have


def falsify(log: list[Row], kind: Kind, change: Callable[[Row], Row]) -> list[Row]:
    place = next(i for i, row in enumerate(log) if row[1] == kind)
    return [*log[:place], change(log[place]), *log[place + 1 :]]


@pytest.mark.parametrize(
    ("kind", "change", "complaint"),
    [
        (Kind.SENT, lambda row: (*row[:8], 4), "command"),
        (Kind.SENT, lambda row: (*row[:8], 6), "command"),
        (Kind.RECEIVED, lambda row: (*row[:8], 7), "command"),
        (Kind.ACCEPTED, lambda row: (*row[:8], 1), "size"),
        (Kind.PAIRED, lambda row: (row[0], Kind.ISSUED, *row[2:]), "met"),
    ],
)
def test_what_the_model_does_not_have_is_an_error_of_its_own(
    kind: Kind, change: Callable[[Row], Row], complaint: str
) -> None:
    log = harsh("label/1", "two", FaultKind.NONE).log
    with pytest.raises(NotValidated, match=complaint):
        histories(falsify(log, kind, change), ())


def test_a_message_of_a_stranger_is_an_error_of_its_own() -> None:
    log = harsh("label/1", "two", FaultKind.NONE).log
    place, row = next((i, row) for i, row in enumerate(log) if row[1] == Kind.STORED)
    injected = (row[0], Kind.INJECTED, -1, -1, row[4], -1, -1, -1, 0)
    with pytest.raises(NotValidated, match="stranger"):
        histories([*log[:place], injected, *log[place:]], ())


def test_an_end_that_is_told_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(world: World, now_ms: int, end: int) -> None:
        for transmission in world._managers.refuse(now_ms, end, tell=True):
            world._hand_over(now_ms, transmission)

    monkeypatch.setattr(World, "_refuse", refuse)
    kept = keep(HARSH, "label/1", "two", FaultKind.NONE, town(16, 3), model_fidelity("label/1"))
    with pytest.raises(NotValidated, match="command"):
        histories(kept.log, kept.notes)


# ---------------------------------------------------------------------- the command


def test_the_command_says_what_it_validated(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--people", "12", "--days", "1", "--synthetic", "--policy", "two", "--fault", "death"]
    assert main([*arguments, "--fidelity", "impl", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["refused"] == []
    assert found["relationships"] > 0
    assert main(arguments) == 0
    assert "all are behaviours of the model: 1 runs" in capsys.readouterr().out


def test_the_command_shows_where_a_log_and_the_model_part(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relationships, "escalation_ms", lambda attempts, terms: 2 * escalation_ms(attempts, terms))
    told = [
        "--scenario",
        HARSH_FILE,
        "--people",
        "16",
        "--days",
        "3",
        "--synthetic",
        "--policy",
        "one",
        "--fault",
        "none",
    ]
    assert main([*told, "--policy", "one", "--fault", "none"]) == 1
    assert "REFUSED" in capsys.readouterr().out


def test_the_command_refuses_what_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--policy", "no such policy"]) == 2
    assert "no policy" in capsys.readouterr().err
