"""Privacy verdicts: the reference keeps every secret under several seeds, and each game is lost by who leaks."""

import runpy
import sys
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from communicator_conformance import Fault, Result, Status, privacy
from communicator_conformance.kinds import KINDS
from communicator_conformance.privacy.games import BYTES, GAMES, PROFILES, UNSEEN, byte_test, game_test
from communicator_conformance.privacy.intervals import Advantage, trials_wanted
from communicator_conformance.privacy.judging import MISS, TRAINING
from communicator_conformance.testee import Testee
from communicator_spec.views import KNOWLEDGE, Role

PROGRAM = Path(__file__).parent / "leaking.py"
LEAKS: Mapping[str, Any] = runpy.run_path(str(PROGRAM))["LEAKS"]
MEASURED = ("acknowledges_at_once", "pads_nothing")
"""Leaks that no bytes show: the games alone find them, in as many populations as a run has."""
REFERENCE = ["reference"]


def played(
    command: list[str], seed: int, profiles: tuple[str, ...], populations: int, partner: list[str]
) -> list[Result]:
    chosen = frozenset(chain.from_iterable(privacy.ids_of(profile) for profile in profiles))
    with Testee(command, 120.0) as program, Testee(partner, 120.0) as other:
        return list(privacy.play(program, other, chosen, seed, populations))


@pytest.mark.parametrize("seed", range(1, 4))
def test_the_reference_keeps_every_secret(seed: int) -> None:
    results = played(REFERENCE, seed, PROFILES, privacy.POPULATIONS, REFERENCE)
    assert [r.id for r in results] == list(privacy.ids_of())
    assert {r.id: r.detail for r in results if r.status is not Status.PASSED} == {}
    assert {r.witness for r in results} == {None}
    bounds = [r.detail.partition("[")[2].partition("]")[0].split(", ") for r in results if "advantage" in r.detail]
    assert len(bounds) == len(PROFILES) * len(GAMES)
    assert all(float(low) <= 0 <= float(high) for low, high in bounds)


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_found_by_the_games_that_it_loses(name: str) -> None:
    leak, command = LEAKS[name], [sys.executable, str(PROGRAM), name]
    populations = privacy.POPULATIONS if name in MEASURED else 2
    results = played(command, 1, leak.profiles, populations, command if leak.alike else REFERENCE)
    linked = {r.id for r in results if r.fault is Fault.LINKED}
    wanted = {f"{game}:{profile.partition('/')[0]}" for game in leak.loses for profile in leak.profiles}
    assert wanted <= linked
    for r in results:
        if r.id in wanted and name not in MEASURED:
            found = r.witness
            assert found is not None
            left, right = (bytes.fromhex(text) for text in (found.left, found.right))
            shared = left[found.left_offset : found.left_offset + found.length]
            assert len(shared) == found.length >= 8
            assert shared == right[found.right_offset : found.right_offset + found.length]


def test_each_game_is_lost_by_somebody() -> None:
    lost = {
        f"{game}:{profile.partition('/')[0]}"
        for leak in LEAKS.values()
        for game in leak.loses
        for profile in leak.profiles
    }
    assert lost == {game_test(game, profile) for game in GAMES for profile in PROFILES}


def test_bytes_alone_win_a_game_too() -> None:
    command = [sys.executable, str(PROGRAM), "draws_tokens_from_the_clock"]
    results = {r.id: r for r in played(command, 2, ("label/1",), privacy.POPULATIONS, REFERENCE)}
    found = results["privacy/directory-service/same-person:label"]
    assert found.detail.startswith(
        f"shared bytes: advantage 1.00 [0.01, 1.00] over {privacy.POPULATIONS - TRAINING} trials"
    )
    assert results["privacy/directory-service/bytes:label"].fault is Fault.LINKED


def test_two_runs_with_one_seed_are_the_same() -> None:
    first, again, other = (played(REFERENCE, seed, ("label/1",), 3, REFERENCE) for seed in (7, 7, 8))
    assert first == again
    assert [r.id for r in first] == [r.id for r in other]


def test_every_row_is_judged_and_what_is_not_has_a_reason() -> None:
    for row in KNOWLEDGE:
        games = [game for game in GAMES if game.party == row.party]
        assert games
        assert all(game.relation in row.forbidden for game in games)
        assert {game.relation for game in games}.isdisjoint(UNSEEN[row.party])
        assert {game.relation for game in games} | UNSEEN[row.party].keys() == row.forbidden
        assert all(set(row.party) == {game.first.role, game.second.role} for game in games)
    assert [row.party for row in KNOWLEDGE if row not in BYTES] == [(Role.NETWORK,)]


def test_ids_are_known_before_any_program_starts() -> None:
    ids = privacy.ids_of()
    assert len(set(ids)) == len(ids) == len(PROFILES) * (len(GAMES) + len(BYTES))
    assert {test for kind in KINDS for test in kind.tests()} >= set(ids)
    assert byte_test(BYTES[0], "label/1") == "privacy/sending-service/bytes:label"


def test_too_few_populations_prove_nothing() -> None:
    results = played(REFERENCE, 1, ("two-layer/1",), TRAINING + 2, REFERENCE)
    games = {r.fault for r in results if "/bytes:" not in r.id}
    assert games == {Fault.UNFIRED}


QUIET = """
from communicator_impl import adapter
adapter.HELLO = adapter.HELLO | {"roles": ["rm"], "features": [%s]}
adapter.OPERATIONS["person.create"] = lambda call: exit()
adapter.main()
"""


def test_who_has_no_part_is_skipped_and_who_dies_fails() -> None:
    for features, expected in (("", (Status.SKIPPED, None)), ('"live"', (Status.FAILED, Fault.DIED))):
        results = played([sys.executable, "-c", QUIET % features], 1, ("label/1",), 2, REFERENCE)
        assert {(r.status, r.fault) for r in results} == {expected}


STRANGE = """
from communicator_impl import adapter
adapter.OPERATIONS["person.wake"] = lambda call: {"requests": [], "transmissions": [{"via": 3}], "deadline_s": None}
adapter.main()
"""


def test_an_answer_of_no_form_is_a_flaw() -> None:
    results = played([sys.executable, "-c", STRANGE], 1, ("label/1",), 2, REFERENCE)
    assert {(r.status, r.fault) for r in results} == {(Status.FAILED, Fault.SCHEMA)}


def test_who_only_issues_tokens_is_judged_by_tokens_alone() -> None:
    command = [sys.executable, "-c", ISSUER]
    results = {r.id: r for r in played(command, 1, ("label/1",), 2, REFERENCE)}
    assert results["privacy/sending-service/same-message:label"].status is Status.SKIPPED
    assert results["privacy/authorization-service+sending-service/bytes:label"].status is Status.PASSED


ISSUER = """
from communicator_impl import adapter
adapter.HELLO = adapter.HELLO | {"roles": ["as"], "features": ["token"]}
adapter.main()
"""


# ---------------------------------------------------------------- intervals


def test_an_interval_is_exact_and_wide_with_few_trials() -> None:
    assert Advantage(0, 0, 0).interval(0.05) == (-1.0, 1.0)
    low, high = Advantage(10, 10, 0).interval(0.2)
    assert low == pytest.approx(0.05 ** (1 / 10) - (1 - 0.05 ** (1 / 10)))
    assert high == 1.0
    assert Advantage(10, 5, 5).interval(0.05)[0] < 0 < Advantage(10, 5, 5).interval(0.05)[1]


def test_a_run_has_just_enough_populations() -> None:
    assert trials_wanted(MISS) == privacy.POPULATIONS - TRAINING
    assert Advantage(trials_wanted(MISS) - 1, trials_wanted(MISS) - 1, 0).interval(MISS)[0] <= 0
