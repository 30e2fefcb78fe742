"""What goes wrong at a directory, or is made to go wrong: who is told what, and what is kept; a world in memory."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from tests.client.small_post import Host
from tests.client.small_town import ACCOUNT, DAY_MS, ISSUER, NAMES, key_of
from tests.client.strangers_play import Play
from tests.impl.issuing import RepeatsKeys

from communicator_impl.authorization_service import AuthorizationService
from communicator_impl.client import Device
from communicator_impl.client.asker import Asker
from communicator_impl.directory import Head, make_entry
from communicator_impl.directory_service import Mode
from communicator_impl.doors import State
from communicator_impl.entropy import SeededEntropy
from communicator_impl.errors import CommunicatorError, InputError, PeerError, ServiceError
from communicator_impl.keys import Identity
from communicator_impl.particle_fields import RegisterRoot
from communicator_impl.storage import MemoryStorage
from communicator_impl.tokens import Purpose
from communicator_spec import ErrorClass


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    made = Play(tmp_path)
    made.register()
    made.open_account()
    yield made
    made.close()


def find(device: Device, name: str = "ann", **more: object) -> int:
    return device.finder.find(NAMES, name, "Ann", "may I?", **more).relationship  # type: ignore[arg-type]


def refusal(kind: type[CommunicatorError], what: Callable[[], object]) -> ErrorClass:
    with pytest.raises(CommunicatorError) as caught:
        what()
    assert isinstance(caught.value, kind), caught.value
    assert caught.value.detail
    return caught.value.error_class


def left(play: Play, purpose: Purpose) -> int:
    """Return how many tokens of a purpose Ben has."""
    found = play.ben.device.purses.left()
    return next((n for name, n in found.items() if name.endswith(purpose.value)), 0)


# -------------------------------------------------------------------- mistakes and failures


def test_a_name_that_nobody_has_costs_a_query_and_no_contact(play: Play) -> None:  # TOK-18
    assert refusal(InputError, lambda: find(play.ben.device, "nobody")) is ErrorClass.UNKNOWN
    assert left(play, Purpose.QUERY) == 63
    assert play.ben.device.history.people() == {}
    assert find(play.ben.device) == 0


def test_an_empty_stock_is_told_and_the_token_stays(play: Play, tmp_path: Path) -> None:  # DIR-10, TOK-17
    for _ in range(2):
        find(play.ben.device)
    assert len(set(play.town.shown)) == 4
    for _ in range(3):
        assert refusal(ServiceError, lambda: find(play.ben.device)) is ErrorClass.LIMIT
    assert len(set(play.town.shown)) == 6, "one query and one contact, however often it was tried"
    play.ann.device.names.look(play.ann.device.names.name(NAMES, "ann"))
    find(play.ben.device)
    assert len(set(play.town.shown)) == 6
    assert len(play.ben.device.history.people()) == 3


def test_who_has_no_account_learns_where_to_get_one(play: Play) -> None:
    assert refusal(InputError, lambda: find(play.ann.device)) is ErrorClass.REFUSED
    assert play.town.shown == []


def test_an_issuer_that_is_silent_is_asked_again(play: Play) -> None:
    play.town.down.add(ISSUER)
    assert refusal(ServiceError, lambda: find(play.ben.device)) is ErrorClass.UNKNOWN
    assert play.town.shown == []
    play.town.down.clear()
    assert find(play.ben.device) == 0


def test_a_silent_directory_is_said_and_nothing_is_spent(play: Play) -> None:
    play.town.down.add(NAMES)
    assert refusal(ServiceError, lambda: find(play.ben.device)) is ErrorClass.UNKNOWN
    play.town.down.clear()
    find(play.ben.device)
    assert len(set(play.town.shown)) == 2


def test_an_account_that_gets_no_more_is_said(tmp_path: Path) -> None:  # AUTH-3
    play = Play(tmp_path, allowed=64)
    play.register()
    play.open_account()
    find(play.ben.device)
    for _ in range(63):
        refusal(InputError, lambda: find(play.ben.device, "nobody"))
    assert refusal(InputError, lambda: find(play.ben.device, "nobody")) is ErrorClass.LIMIT
    play.close()


def test_ones_own_name_is_not_a_stranger(play: Play) -> None:
    play.ann.device.purses.open_account(ISSUER, ACCOUNT)
    assert refusal(InputError, lambda: find(play.ann.device)) is ErrorClass.REFUSED
    assert play.stock() == 2


def test_keys_of_no_name_and_no_account_are_refused(play: Play) -> None:
    names, purses = play.ben.device.names, play.ben.device.purses
    assert refusal(InputError, lambda: names.register(NAMES, "ben", b"x" * 32)) is ErrorClass.FORGED
    assert refusal(InputError, lambda: purses.open_account(ISSUER, b"x" * 32)) is ErrorClass.FORGED
    assert refusal(InputError, lambda: purses.open_account(NAMES, ACCOUNT)) is ErrorClass.UNKNOWN


def test_a_directory_that_only_attests_hands_out_nothing(tmp_path: Path) -> None:
    play = Play(tmp_path, mode=Mode.ATTESTING)
    play.register()
    play.open_account()
    assert play.ann.device.strangers.contacts() == {}
    assert refusal(InputError, lambda: find(play.ben.device)) is ErrorClass.REFUSED
    assert len(set(play.town.shown)) == 1, "the query alone"
    play.close()


# -------------------------------------------------------------------- who lies


def test_a_directory_with_two_logs_is_found_out_and_nothing_begins(play: Play) -> None:  # DIR-15
    find(play.ben.device)
    other, known = play.town.fork(), play.ben.device.finder.head(NAMES)
    for directory, name in ((play.town.directory, "cleo"), (other, "dora")):
        directory.open_account(name, key_of(name))
        entry = make_entry(name, 0, Identity.generate(SeededEntropy(name.encode())), play.world.now_ms // 1000)
        directory.register(play.world.now_ms, key_of(name), name, entry.encode())
    play.ben.device.finder._watch(NAMES, ()).look(play.world.now_ms)
    play.askers[1].directory = lambda: other
    before, kept = list(play.town.shown), play.ben.device.finder.head(NAMES)
    assert known != kept
    assert refusal(PeerError, lambda: find(play.ben.device)) is ErrorClass.FORGED
    assert (play.town.shown, play.ben.device.finder.head(NAMES)) == (before, kept)
    assert len(play.ben.device.history.people()) == 1
    play.askers[1].directory = lambda: play.town.directory
    play.askers[1].others["https://elsewhere.example"] = other  # the same, seen over two ways at once
    refused = refusal(PeerError, lambda: find(play.ben.device, ways=["https://elsewhere.example"]))
    assert refused is ErrorClass.FORGED
    head = Head.decode(other.head())
    assert refusal(PeerError, lambda: find(play.ben.device, heads=[head])) is ErrorClass.FORGED  # a friend's
    assert play.town.shown == before


def test_an_entry_that_is_not_in_the_log_is_not_used(play: Play) -> None:  # DIR-14
    right = play.askers[1].lookup
    other = play.town.fork()
    other.open_account("eve", key_of("eve"))
    entry = make_entry("eve", 0, Identity.generate(SeededEntropy(b"eve")), play.world.now_ms // 1000)
    other.register(play.world.now_ms, key_of("eve"), "eve", entry.encode())
    play.askers[1].lookup = lambda uri, name, token: right(uri, "ann", token)  # type: ignore[method-assign]
    assert refusal(PeerError, lambda: find(play.ben.device, "eve")) is ErrorClass.FORGED
    assert play.ben.device.history.people() == {}


def test_a_contact_of_another_identity_or_one_that_has_ended_is_refused(play: Play) -> None:  # DIR-6
    right, ann = play.askers[1].contact, play.ann.device
    old = right(NAMES, "ann", play.ben.device.purses.pay(play.document(), Purpose.CONTACT, b"x").token)
    ann.names.replace(NAMES, "ann")
    play.askers[1].contact = lambda *_: old  # type: ignore[method-assign]
    assert refusal(PeerError, lambda: find(play.ben.device)) is ErrorClass.FORGED
    play.askers[1].contact = right  # type: ignore[method-assign]
    now = right(NAMES, "ann", play.ben.device.purses.pay(play.document(), Purpose.CONTACT, b"y").token)
    play.world.now_ms += 29 * DAY_MS
    play.town.wake()
    play.askers[1].contact = lambda *_: now  # type: ignore[method-assign]
    assert refusal(ServiceError, lambda: find(play.ben.device)) is ErrorClass.EXPIRED
    assert play.ben.device.history.people() == {}
    play.askers[1].contact = right  # type: ignore[method-assign]
    play.go_on(1)
    assert find(play.ben.device) == 0


def test_a_contact_that_is_given_twice_serves_one_stranger(play: Play, tmp_path: Path) -> None:  # DIR-5, SES-28
    given = list[bytes]()
    right = play.askers[1].contact

    def keeps(uri: str, name: str, token: object) -> bytes:
        given.append(given[0] if given else right(uri, name, token))  # type: ignore[arg-type]
        return given[-1]

    play.askers[1].contact = keeps  # type: ignore[method-assign]
    find(play.ben.device)
    assert refusal(PeerError, lambda: find(play.ben.device)) is ErrorClass.REPLAYED
    cleo = Host(tmp_path / "cleo", play.world, "cleo", play.asker)
    cleo.device.purses.open_account(ISSUER, ACCOUNT)
    play.askers[-1].contact = keeps  # type: ignore[method-assign]
    find(cleo.device)
    play.hosts = (*play.hosts, cleo)
    play.go_on()
    (waiting,) = play.ann.device.strangers.waiting()
    number = play.let_in()
    assert number == waiting.relationship
    play.go_on(8)
    assert len(play.ann.device.history.people()) == 1
    assert {row.state for _, _, row in cleo.device.history.messages(0)} == {"waiting"}


def test_an_issuer_that_marks_people_gets_no_request(play: Play) -> None:  # TOK-3
    keys = RepeatsKeys()
    keys.made = 20
    allowed = dict.fromkeys(Purpose, 64)
    marks = AuthorizationService(play.world.now_ms, allowed, MemoryStorage(), SeededEntropy(b"marks"), keys)
    play.askers[1].issuer_keys = lambda base: marks.document(play.world.now_ms)  # type: ignore[method-assign]
    before = play.town.issuer.allowance(play.world.now_ms, ACCOUNT)
    assert refusal(PeerError, lambda: find(play.ben.device)) is ErrorClass.FORGED
    assert play.town.issuer.allowance(play.world.now_ms, ACCOUNT) == before
    play.ben.device.purses.open_account(ISSUER, ACCOUNT, ("https://mirror.example",))
    right = play.town.issuer.document(play.world.now_ms)
    play.askers[1].issuer_keys = (  # type: ignore[method-assign]
        lambda base: right if base == ISSUER else marks.document(play.world.now_ms)
    )
    assert refusal(PeerError, lambda: find(play.ben.device)) is ErrorClass.FORGED


def test_one_operator_of_both_is_told(play: Play) -> None:  # TOK-19
    assert not play.ben.device.finder.find(NAMES, "ann", "Ann").is_seen_by_one
    play.town.operator = "TOKENS"
    assert play.ben.device.finder.find(NAMES, "ann", "Ann").is_seen_by_one


# -------------------------------------------------------------------- names


def test_an_identity_that_nobody_signed_is_for_the_person_to_decide(play: Play, tmp_path: Path) -> None:  # DIR-3
    find(play.ben.device)
    lost = Host(tmp_path / "ann again", play.world, "ann again", play.asker)
    lost.device.purses.open_account(ISSUER, ACCOUNT)
    assert lost.device.names.register(NAMES, "ann", play.key, 2).sequence == 1
    for _ in range(2):
        assert refusal(InputError, lambda: find(play.ben.device)) is ErrorClass.REFUSED
    assert find(play.ben.device, trusts=True) == 1
    assert find(play.ben.device) == 2
    known = play.ann.device.names.name(NAMES, "ann")  # the device that was not lost sees what happened
    play.ann.device.names.turn()
    play.world.now_ms += DAY_MS
    play.ann.device.names.turn()
    assert [leaf.sequence for leaf in play.ann.device.names.alarms(known)] == [1]  # DIR-17
    play.ann.device.names.seen(known)
    assert play.ann.device.names.alarms(known) == ()
    lost.close()


def test_a_signed_replacement_ends_all_contacts_of_before(play: Play) -> None:  # DIR-4, DIR-6
    find(play.ben.device)
    before = set(play.ann.device.strangers.contacts())
    roots = [root for rsa in play.world.rsa.values() for root in rsa._records]
    play.ann.device.names.replace(NAMES, "ann")
    after = play.ann.device.strangers.contacts()
    assert not before & set(after)
    assert play.stock() == len(after) == 2
    assert not any(root in rsa._records for rsa in play.world.rsa.values() for root in roots)
    assert find(play.ben.device) == 1


def test_a_restored_backup_replaces_contacts_that_it_may_not_know(play: Play) -> None:
    before = set(play.ann.device.strangers.contacts())
    play.ann.device.restored()
    play.ann.turn()
    after = set(play.ann.device.strangers.contacts())
    assert not before & after
    assert play.stock() == len(after) == 2
    find(play.ben.device)
    play.go_on()
    assert len(play.ann.device.strangers.waiting()) == 1


def test_a_stock_is_filled_up_below_half_and_what_ends_is_replaced(tmp_path: Path) -> None:  # DIR-7
    play = Play(tmp_path)
    play.register(keeps=8)
    play.open_account()
    name = play.ann.device.names.name(NAMES, "ann")
    for number in range(4):
        assert find(play.ben.device) == number
    assert play.ann.device.names.look(name).left == 4, "half is left: nothing is done"
    assert find(play.ben.device) == 4
    assert play.ann.device.names.look(name).left == 8
    for _ in range(9):
        play.world.now_ms += 7 * DAY_MS
        play.town.wake()
        play.go_on(1)
        assert 4 <= play.stock() <= 16, "what is about to end is replaced before it has ended"
    now_s = play.world.now_ms // 1000
    contacts = play.ann.device.strangers.contacts().values()
    assert {one.way.state for one in contacts if one.ends_s + 31 * 86_400 <= now_s} == {State.WAITING}
    play.close()


def test_a_door_that_is_closed_lets_nobody_new_in_and_keeps_who_came(play: Play) -> None:  # PORT-14
    find(play.ben.device)
    play.go_on()
    assert len(play.ann.device.strangers.waiting()) == 1
    assert play.ann.device.names.give_up(NAMES, "ann") == 1
    assert play.ann.device.names.all() == []
    assert refusal(ServiceError, lambda: find(play.ben.device)) is ErrorClass.LIMIT
    play.let_in()
    play.go_on(8)
    assert play.ben.device.history.person(0).stage == "together"
    assert play.ann.device.names.register(NAMES, "ann", play.key, 2).sequence == 2


def test_who_is_refused_hears_nothing(play: Play) -> None:  # PORT-15
    find(play.ben.device)
    play.go_on()
    (waiting,) = play.ann.device.strangers.waiting()
    assert play.ann.deaths.kinds["submit"] == 0
    play.ann.device.strangers.decline(waiting.relationship)
    play.go_on(8)
    assert play.ann.deaths.kinds["submit"] == 0
    assert play.ben.device.history.person(0).stage == "answered"
    assert refusal(InputError, lambda: play.ann.device.strangers.decline(waiting.relationship)) is ErrorClass.UNKNOWN
    assert waiting.relationship not in play.ann.device.core.relationships()


def test_one_stranger_takes_one_place_however_much_he_writes(play: Play) -> None:  # PORT-16, DIR-11
    there = find(play.ben.device)
    for text in ("one", "two", "three"):
        play.ben.device.say(there, text)
    play.go_on(8)
    (contact,) = (c for c in play.ann.device.strangers.contacts().values() if c.way.state is State.WAITING)
    assert len(contact.doors) < 2 * 2800
    number = play.let_in()
    play.go_on(8)
    play.go_on(16, DAY_MS // 8)
    assert len(play.ann.device.history.messages(number)) == 4


def test_a_person_may_agree_long_after_the_contact_has_ended(play: Play) -> None:  # SES-10
    find(play.ben.device)
    play.go_on()
    play.world.now_ms += 70 * DAY_MS
    play.town.wake()
    play.ann.turn()
    number = play.let_in()
    assert len(play.ann.device.history.messages(number)) == 1


# -------------------------------------------------------------------- what is shown


def test_two_contacts_of_a_name_share_no_bytes_at_a_receiving_service(tmp_path: Path) -> None:  # KNOW-3, KNOW-15
    play, shown = Play(tmp_path), list[list[bytes]]()
    right = play.world.register

    def register(uri: str, request: object) -> None:
        if isinstance(request, RegisterRoot):
            shown.append([request.root, request.access_key, request.verify_key or b""])
        right(uri, request)  # type: ignore[arg-type]

    play.world.register = register  # type: ignore[method-assign]
    play.register(keeps=4)
    pieces = [{part[i : i + 8] for part in parts for i in range(len(part) - 7)} for parts in shown]
    assert len(pieces) == 8, "four contacts at two services"
    assert sum(map(len, pieces)) == len(set().union(*pieces))
    play.close()


def test_tokens_are_fetched_before_they_are_needed(play: Play) -> None:  # TOK-10
    find(play.ben.device)
    for _ in range(50):
        refusal(InputError, lambda: find(play.ben.device, "nobody"))
    assert left(play, Purpose.QUERY) == 13
    play.go_on(24, DAY_MS // 24)
    assert left(play, Purpose.QUERY) == 13 + 64


def test_each_request_of_a_stranger_has_a_connection_of_its_own() -> None:  # KNOW-13, TOK-11
    ports, paths = list[int](), list[str]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            ports.append(self.client_address[1])
            paths.append(self.path)
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_GET = do_POST = answer

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    uri, asker = f"http://127.0.0.1:{server.server_port}", Asker()
    for _ in range(2):
        asker.lookup(uri, "a/../b", None)
        asker.contact(uri, "a/../b", None)
        asker.tokens(uri, b"k" * 32, b"")
        asker.issuer_keys(uri)
    server.shutdown()
    server.server_close()
    assert len(set(ports)) == len(ports) == 8
    assert paths[:2] == ["/v1/names/a%2F%2E%2E%2Fb", "/v1/names/a%2F%2E%2E%2Fb/contact"]


def test_what_comes_by_a_contact_that_was_taken_back_is_left_alone(play: Play) -> None:
    find(play.ben.device)
    play.ben.turn()
    play.world.post()
    (place, *_) = [one for one in play.ann.device.places() if play.ann.device.courier.fetch(*named(play, one))]
    items = play.ann.device.courier.fetch(*named(play, place))
    play.ann.device.names.give_up(NAMES, "ann")
    assert play.ann.device.take(*place, items) == 0
    assert play.ann.device.strangers.waiting() == []


def named(play: Play, place: tuple[int, int, bytes]) -> tuple[str, bytes]:
    return play.ann.device.book.uri(place[1]), place[2]
