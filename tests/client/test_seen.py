"""What a person sees of what goes on: names, reading, addresses, ways that failed, and a service that is left."""

import json
from pathlib import Path

import pytest
from tests.client.small_post import URIS, Host, World
from tests.client.test_files import A_DAY_MS, met, turns

from communicator_impl.client.ledger import Standing
from communicator_impl.client.log import EventLog
from communicator_impl.client.records import Message, State
from communicator_impl.content import Profile
from communicator_reports.commands.rm.showing import message_row, plain, way_lines
from communicator_spec import Command
from communicator_spec.parameters import PARAMETERS

HOUR_MS = 3_600_000


def states(host: Host) -> list[State]:
    return [m.state for own, _, m in host.device.history.messages(0) if own]


def standings(host: Host, *, own: bool, service: str) -> set[Standing]:
    core, number = host.device.core, host.device.book.number(service)
    grants = core.own_grants(0) if own else core.peer_grants(0)
    rows = host.device.ledger.rows(0, host.device.clock(), own=own, grants=grants)
    return {row.standing for row in rows if row.service == number}


def last_own(host: Host) -> Message:
    return [m for own, _, m in host.device.history.messages(0) if own][-1]


# -------------------------------------------------------------------- names


def test_a_person_is_called_as_the_owner_says_and_else_as_the_person_says(tmp_path: Path) -> None:
    ann, ben, world = met(tmp_path)
    ann.device.history.rename(0, "")
    assert ann.device.history.called(0) == "person 0"
    ben.device.tell_profile(0, Profile("Benjamin", "he/him"))
    turns((ann, ben), world, 3)
    assert ann.device.history.called(0) == "Benjamin"
    ben.device.tell_profile(0, Profile("Bernadette"))
    turns((ann, ben), world, 3)
    assert ann.device.history.called(0) == "Bernadette"  # CONT-7: the message that says so is shown, too
    ann.device.history.rename(0, "Ben")
    assert ann.device.history.called(0) == "Ben"


def test_what_a_peer_wrote_does_nothing_to_a_terminal() -> None:
    assert plain("a\x1b[2Jb\u202ec\nd") == "a\ufffd[2Jb\ufffdc\nd"


# -------------------------------------------------------------------- reading


def test_the_peer_learns_what_was_read_only_where_the_person_wants_it(tmp_path: Path) -> None:
    ann, ben, world = met(tmp_path)
    ann.device.read(0)
    turns((ann, ben), world, 8, HOUR_MS)
    assert states(ben) == [State.DELIVERED]  # CONT-9
    ann.device.tell_read(0, on=True)
    assert ann.device.core.tells_read(0)
    ben.say(0, "and this?")
    ann.say(0, "yes")  # people who only read cause nothing that could tell (CONT-11)
    turns((ann, ben), world, 8, HOUR_MS)
    assert states(ben) == [State.DELIVERED, State.DELIVERED]
    ann.device.read(0)
    turns((ann, ben), world, 8, HOUR_MS)
    assert states(ben)[1] is State.SEEN
    assert message_row(True, 1, last_own(ben))["state"] == "read"


# -------------------------------------------------------------------- addresses


def test_addresses_are_issued_drain_and_expire_in_sight(tmp_path: Path) -> None:
    ann, ben, world = met(tmp_path)
    ann.say(0, "hello, too")
    turns((ann, ben), world, 3)
    for host in (ann, ben):
        for own in (True, False):
            assert standings(host, own=own, service=URIS[0]) == {Standing.IN_USE, Standing.STANDBY}
    world.now_ms += (PARAMETERS.state.ephemeral_lifetime_s - PARAMETERS.state.ephemeral_refresh_s) * 1000 + HOUR_MS
    ben.say(0, "still there?")
    ann.say(0, "yes")
    turns((ann, ben), world, 4)
    assert Standing.DRAINING in standings(ann, own=True, service=URIS[0])
    assert Standing.DRAINING in standings(ben, own=False, service=URIS[0])
    world.now_ms += PARAMETERS.state.ephemeral_refresh_s * 1000 + HOUR_MS
    assert Standing.EXPIRED in standings(ann, own=True, service=URIS[0])
    assert Standing.DRAINING not in standings(ann, own=True, service=URIS[0])


def test_a_device_asks_for_addresses_before_the_last_one_ends(tmp_path: Path) -> None:  # STATE-29
    ann, ben, world = met(tmp_path)
    for text in ("hello, too", "how are you?", "well then"):  # people cause what is asked by itself (STATE-12)
        ann.say(0, text)
    turns((ann, ben), world, 8, HOUR_MS)
    ann.device.log = EventLog(ann.device.vault, ann.device.book)
    for _ in range(60):  # Ben is not there
        turns((ann,), world, 1, 6 * A_DAY_MS)
    sent = [json.loads(line) for line in ann.device.log.lines()]
    asked = [row for row in sent if row.get("kind") == "SENT" and row.get("value") == Command.REQUEST_UPDATE]
    assert len(asked) == 1


# -------------------------------------------------------------------- ways


def test_a_way_that_failed_is_shown_with_the_one_that_came_next(tmp_path: Path) -> None:
    ann, ben, world = met(tmp_path)
    turns((ann, ben), world, 8, HOUR_MS)
    world.down.add(URIS[0])
    for text in ("one", "two"):  # one of them goes to the service that is down
        ann.say(0, text)
    turns((ann, ben), world, 30)
    moved = next(m for own, _, m in ann.device.history.messages(0) if own and len(m.ways) == 2)
    lines = way_lines(moved)
    assert f"failed, {URIS[0]} does not answer" in lines[0]
    assert f"to {URIS[1]}" in lines[1]
    assert f"({URIS[0]} did not answer)" in lines[0]  # the sending service that was passed over
    world.down.clear()
    turns((ann, ben), world, 8, HOUR_MS)
    assert "delivered" in way_lines(last_own(ann))[-1]
    row = message_row(True, 1, moved)
    assert isinstance(row["ways"], list)
    assert [way["failed"] for way in row["ways"]] == [True, False]


def test_what_was_written_without_a_network_leaves_as_soon_as_there_is_one(tmp_path: Path) -> None:
    ann, ben, world = met(tmp_path)
    world.down.update(URIS)
    ann.say(0, "nobody hears this yet")
    turns((ann,), world, 3)
    assert world.now_ms < ann.device.turn().next_ms <= world.now_ms + 60_000  # it rests meanwhile
    world.down.clear()
    turns((ann, ben), world, 3)
    assert ann.device.core.waiting(0) == (0,)
    assert ben.device.history.unread(0) == 1
    world.down.update(URIS)
    ann.say(0, "nobody ever hears this")
    world.now_ms += PARAMETERS.delivery.message_lifetime_s * 1000
    turns((ann,), world, 1)
    assert states(ann)[-1] is State.FAILED  # DELIV-10: that needs no service


# -------------------------------------------------------------------- leaving


def leaving(tmp_path: Path) -> tuple[Host, Host, World]:
    """Ann receives at the first service alone, and moves to the second one."""
    world = World()
    ann, ben = Host(tmp_path / "ann", world, "ann"), Host(tmp_path / "ben", world, "ben")
    ann.device.use(URIS[:1], URIS)
    _, contact = ann.device.invite("Ben")
    ben.device.approach("Ann", contact)
    ben.device.say(0, "hello")
    turns((ann, ben), world, 3)
    ann.device.replace_receiving(URIS[0], URIS[1], leave=True)
    return ann, ben, world


def test_leaving_goes_on_in_sight_until_the_service_is_left(tmp_path: Path) -> None:  # PORT-3
    ann, ben, world = leaving(tmp_path)
    (row,) = ann.device.departures.progress()
    assert row[:5] == (URIS[0], 1, 0, 0, 0)
    assert row.until_s >= max(g.valid_until_ms for g, _ in ann.device.core.own_grants(0)) // 1000
    turns((ann, ben), world, 20, 2 * HOUR_MS)  # the announcement, and a receipt
    (row,) = ann.device.departures.progress()
    assert (row.waiting, row.confirmed) == (0, 1)
    assert 0 < row.until_s * 1000 - world.now_ms <= PARAMETERS.delivery.queue_lifetime_s * 1000
    turns((ann, ben), world, 30, 2 * HOUR_MS)
    assert ann.device.departures.progress() == []
    assert ann.device.core.root(0, ann.device.book.number(URIS[0])) is None  # PORT-5
    assert standings(ann, own=True, service=URIS[0]) == {Standing.EXPIRED}
    ben.say(0, "where are you?")
    turns((ann, ben), world, 3)
    assert ann.device.history.unread(0) == 2


def test_a_service_is_not_left_while_it_stores_something_or_is_silent(tmp_path: Path) -> None:  # STATE-11
    ann, ben, world = leaving(tmp_path)
    for turn in range(50):
        if turn == 25:
            world.down.add(URIS[0])
        turns((ann, ben), world, 1, 2 * HOUR_MS)
    (row,) = ann.device.departures.progress()
    assert (row.waiting, row.confirmed, row.released, row.stored) == (0, 0, 1, None)
    world.down.clear()
    turns((ann, ben), world, 2)
    assert ann.device.departures.progress() == []


def test_a_service_that_is_taken_up_again_is_not_left(tmp_path: Path) -> None:  # STATE-27
    ann, ben, world = leaving(tmp_path)
    ann.device.replace_receiving(URIS[1], URIS[0], leave=True)
    turns((ann, ben), world, 60, 2 * HOUR_MS)
    assert ann.device.departures.progress() == []
    assert ann.device.core.root(0, ann.device.book.number(URIS[0])) is not None
    assert ann.device.core.root(0, ann.device.book.number(URIS[1])) is None


def test_a_link_that_nobody_uses_holds_a_service_until_it_ends(tmp_path: Path) -> None:
    world = World()
    ann = Host(tmp_path / "ann", world, "ann")
    ann.device.use(URIS[:1], URIS)
    ann.device.invite("Ben")
    ann.device.replace_receiving(URIS[0], URIS[1], leave=True)
    turns((ann,), world, 3)
    (row,) = ann.device.departures.progress()
    assert row.waiting == 1
    assert row.until_s * 1000 > world.now_ms
    world.now_ms = row.until_s * 1000
    turns((ann,), world, 2)
    assert ann.device.departures.progress() == []
    assert ann.device.core.stores(0, ann.device.book.number(URIS[0])) == ()  # PORT-5


@pytest.mark.parametrize("at", range(3))
def test_a_departure_survives_the_death_of_the_device(tmp_path: Path, at: int) -> None:
    ann, ben, world = leaving(tmp_path)
    turns((ann, ben), world, 45, 2 * HOUR_MS)
    ann.deaths.passed, ann.deaths.at = 0, (at, True)
    turns((ann, ben), world, 20, 2 * HOUR_MS)
    assert ann.died == 1
    assert ann.device.departures.progress() == []
