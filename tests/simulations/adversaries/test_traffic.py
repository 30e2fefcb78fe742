"""Views are taken from the log of a small world, and hold what the log says and no more."""

from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from communicator_model.faults import FaultKind
from communicator_model.phones import Phones
from communicator_model.synthetic import synthesise
from communicator_simulations.adversaries import equality, intersection, migration, sealed_sender
from communicator_simulations.adversaries import traffic as taken
from communicator_simulations.adversaries.ranking import mean_over_targets
from communicator_simulations.adversaries.watching import Watched, always_on, kept, watched, with_receipts
from communicator_simulations.real import impl_fidelity
from communicator_simulations.runs import RunKey, Supplies, model_fidelity, record
from communicator_simulations.scenario import load_scenario
from communicator_spec import Command

Flags = NDArray[np.bool_]


@cache
def run(receipts: str) -> Watched:
    """A small population; receipts at once, from phones that are never off line, or as the standard has them."""
    supplies = Supplies(synthesise(3, 30, 900, 6.0), Phones.synthetic(3, 30))
    if receipts == "standard":
        return watched(load_scenario("migration"), 3, supplies, "two")
    scenario = with_receipts(load_scenario("migration"), "two", 0.0, 0.0)
    return watched(scenario, 3, always_on(supplies), "two")


def test_every_arrival_is_somebodys_hand_over() -> None:
    log = run("standard").traffic
    came = taken.arrivals(log, "root")
    assert came.t_ms.size == log.stored.shape[0]
    assert (np.diff(came.t_ms) >= 0).all()
    assert (log.command >= 0).mean() > 0.95  # the rest are strangers that replay
    assert set(np.unique(log.via[log.command >= 0])) <= set(range(12))


def test_a_mailbox_of_a_person_has_what_all_its_roots_have() -> None:
    log = run("standard").traffic
    roots, people = taken.arrivals(log, "root"), taken.arrivals(log, "person")
    assert people.things < roots.things
    for thing, person in enumerate(people.person.tolist()):
        assert (people.thing == thing).sum() == np.isin(roots.thing, np.flatnonzero(roots.person == person)).sum()


def test_without_receipts_exactly_these_are_missing() -> None:
    log = run("standard").traffic
    every, some = taken.arrivals(log, "root"), taken.arrivals(log, "root", [Command.RECEIPT])
    assert every.t_ms.size - some.t_ms.size == (log.command == Command.RECEIPT).sum() > 0


def test_a_channel_and_the_one_back_have_the_two_ends_of_one_relationship() -> None:
    view = taken.channels(run("standard").traffic)
    ends = set(view.end.tolist())
    assert any(end ^ 1 in ends for end in ends)
    for thing in range(view.things):
        backs = np.flatnonzero(view.end == view.end[thing] ^ 1)
        assert (view.person[backs] != view.person[thing]).all()


def test_addresses_are_equal_for_as_long_as_they_live() -> None:
    log = run("standard").traffic
    number = {period: np.unique(equality.addresses(log, period)).size for period in equality.PERIODS}
    assert number["person"] < number["relationship"] < number["day"] < number["message"] == log.sent.shape[0]


@pytest.mark.parametrize("period", equality.PERIODS)
def test_a_sending_service_links_what_goes_to_one_address(period: equality.Period) -> None:
    log = run("standard").traffic
    judged = equality.attack(taken.handed(log), equality.equal(equality.addresses(log, period)), 1)
    found = mean_over_targets(judged, "advantage", 1)
    if period == "message":
        assert found.low == found.high == 0
    else:
        assert found.low > 0


def test_padding_to_one_size_leaves_nothing_to_compare() -> None:
    log = run("standard").traffic
    seen = taken.handed(log)
    length = equality.lengths(seen, 1)
    assert np.median(length[seen.command == Command.MESSAGE]) == pytest.approx(67, rel=0.3)
    assert [np.unique(equality.padded(length, c)).size > 1 for c in equality.CLASSES] == [True, True, False]
    judged = equality.attack(seen, equality.close(equality.padded(length, "one")), 1)
    assert mean_over_targets(judged, "advantage", 1)[:3] == (0, 0, 0)


def test_receipts_at_once_betray_the_other_end_and_the_standards_do_much_less() -> None:
    found = []
    for receipts in ("at once", "standard"):
        view = taken.arrivals(run(receipts).traffic, "person")
        log = run(receipts).traffic
        people = np.stack((log.person[log.sent[:, 2] ^ 1], log.person[log.sent[:, 2]]))
        wrote = np.zeros((30, 30), dtype=bool)
        wrote[people[0], people[1]] = True

        def right(target: int, view: taken.View = view, wrote: Flags = wrote) -> Flags:
            return np.asarray(wrote[view.person[target]][view.person])

        judged = sealed_sender.attack(view, range(view.things), view.times_of, right, 1)
        found.append(mean_over_targets(judged, "advantage", 1))
    assert found[0].low > 0.3
    assert found[1].high < found[0].low


def test_two_mailboxes_of_one_phone_are_emptied_together() -> None:
    log = run("standard").traffic
    gone = taken.fetches(log, "root")
    came = taken.arrivals(log, "root")
    keys = {name: at for at, name in enumerate(zip(came.end.tolist(), came.service.tolist(), strict=True))}
    until = taken.fetched_at(log)
    kept = until >= 0
    waits = came._replace(t_ms=came.t_ms[kept], thing=came.thing[kept])
    names = list(zip(gone.end.tolist(), gone.service.tolist(), strict=True))
    times = {keys[name]: gone.times_of(at) for at, name in enumerate(names)}
    busy = [thing for thing, seen in times.items() if seen.size >= 10]
    judged = intersection.contradicted(
        waits, until[kept], busy, times.__getitem__,
        lambda target: (came.person == came.person[target]) & (came.end != came.end[target]),
    )  # fmt: skip
    assert mean_over_targets(judged, "advantage", 1).low > 0


def test_both_services_of_one_end_are_found_by_who_posts_and_who_fetches_when() -> None:
    judged = migration.twins(run("standard").traffic, 1, least=5)
    assert mean_over_targets(judged, "advantage", 1).low > 0.5


def test_the_real_cores_are_seen_as_the_model_is(tmp_path: Path) -> None:
    """A kept log of the real cores gives the same views, and so the same verdicts."""
    scenario, supplies = load_scenario("migration"), Supplies(synthesise(5, 8, 80, 1.0), Phones.synthetic(5, 8))
    scenario = msgspec.structs.replace(scenario, study=msgspec.structs.replace(scenario.study, drain_days=0.5))
    key = RunKey("two", FaultKind.NONE, 0)
    views = []
    for name, fidelity in (("model", model_fidelity("label/1")), ("impl", impl_fidelity("label/1", 5))):
        path = tmp_path / f"{name}.parquet"
        record(path, scenario, 5, supplies, key, fidelity)
        views.append(taken.arrivals(kept(path), "root"))
    model, cores = views
    assert model.t_ms.size > 100
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(model, cores, strict=True))
