"""A directory over HTTP: owners, strangers with tokens, contacts, one log, and any bytes at all."""

import json
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.services.asking import (
    CBOR,
    ENTROPY,
    SEQUENCE,
    WELL_KNOWN,
    Person,
    bearer,
    key_of,
    leaves_of,
    open_account,
    path_of,
    tokens,
)
from tests.services.interface import Interface
from tests.services.running import Service

from communicator_impl import wire
from communicator_impl.directory import Contact, Entry, Leaf, Proof, make_entry, read_path
from communicator_impl.keys import Identity, make_package
from communicator_impl.log_tree import Peaks
from communicator_impl.tokens import Purpose
from communicator_spec.transparency import verify_consistency

INTERFACE = Interface("directory")
NUMBERS = count()
PER_DAY = 5
PLACES = [("PUT", ""), ("GET", ""), ("GET", "/stock"), ("POST", "/contacts"), ("POST", "/contact")]
NOT_SO_HERE: tuple[tuple[str, int], ...] = (
    ("lookup", 403),  # a token that is good is not refused, and the path limits itself
    ("lookup", 413),
    ("stock", 413),  # neither has a body
    ("contact", 403),
    ("contact", 413),
)
BROKERED = {
    "COMMUNICATOR_DIRECTORY_MODE": "brokered",
    "COMMUNICATOR_DIRECTORY_CONTACTS_PER_DAY": str(PER_DAY),
}


class World(NamedTuple):
    """An issuer, a directory that takes its tokens, and an account."""

    issuer: Service
    directory: Service
    account: bytes

    def tokens(self, purpose: Purpose, origin: str = "") -> Iterator[str]:
        with self.issuer.client() as client:
            return tokens(client, self.issuer.uri, origin or self.directory.uri, purpose, self.account)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("directory")
    with Service(folder, "authorization") as issuer:
        taken = {"COMMUNICATOR_DIRECTORY_TOKENS": f'{{query = ["{issuer.uri}"], contact = ["{issuer.uri}"]}}'}
        with Service(folder, "directory", settings=BROKERED | taken) as directory:
            yield World(issuer, directory, open_account(issuer))


@pytest.fixture(scope="module")
def queries(world: World) -> Iterator[str]:
    return world.tokens(Purpose.QUERY)


@pytest.fixture(scope="module")
def asks(world: World) -> Iterator[str]:
    return world.tokens(Purpose.CONTACT)


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    with INTERFACE.client(world.directory.base) as opened:
        yield opened


def person(world: World, name: str | None = None) -> Person:
    return Person(world.directory, name or f"person {next(NUMBERS)}")


class Anybody:
    """One registered person for all examples of a property."""

    def __init__(self) -> None:
        self._person: Person | None = None

    def of(self, world: World) -> Person:
        if self._person is None:
            self._person = person(world)
            with world.directory.client() as client:
                self._person.register(client)
        return self._person


ANYBODY = Anybody()


def cbor_like() -> st.SearchStrategy[bytes]:
    """Return maps such as an entry or a contact is one, with anything in them."""
    inner = st.integers(0, 2**64 - 1) | st.binary(max_size=130) | st.text(max_size=9)
    return st.dictionaries(st.integers(0, 7), inner | st.lists(inner, max_size=3), max_size=8).map(wire.encode)


def encodes(text: str) -> bool:
    return max(text) < "\ud800" or min(text) > "\udfff"


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["class"]


def shown(token: str) -> dict[str, str]:
    return {"authorization": token}


# -------------------------------------------------------------------- names


def test_a_registered_name_is_proved_to_whoever_asks(
    client: httpx.Client, world: World, queries: Iterator[str]
) -> None:  # DIR-12, DIR-13
    blair = person(world)
    made = blair.register(client)
    key = key_of(client, world.directory.uri)
    made.check(int(time.time()), world.directory.uri, key, blair.name)
    person(world).register(client)
    answer = client.get(path_of(blair.name), headers=shown(next(queries)))
    assert answer.status_code == 200
    found = Proof.decode(answer.content)
    found.check(int(time.time()), world.directory.uri, key, blair.name)
    assert (found.entry, found.index) == (made.entry, made.index)
    assert found.head.size > made.head.size


@pytest.mark.parametrize("name", ["a/contact", "..", "%2F", "nul \0 inside", "名" * 42, "a?b#c", "Zoë;x=1 +"])
def test_a_name_holds_whatever_a_path_encodes(
    client: httpx.Client, world: World, queries: Iterator[str], name: str
) -> None:  # DIR-21
    assert person(world, name).register(client).entry.name == name
    found = client.get(path_of(name), headers=shown(next(queries)))
    assert Proof.decode(found.content).entry.name == name


@pytest.mark.parametrize("sent", ["", "%", "%zz", "%ff", "a" * 129, "Zoe%CC%88", "%ED%A0%80"])
def test_what_is_no_name_is_malformed(world: World, sent: str) -> None:  # DIR-21
    connection = HTTPConnection("127.0.0.1", world.directory.port)
    connection.putrequest("PUT", "/v1/names/" + sent)
    for name, value in (person(world).authority | CBOR | {"content-length": "0"}).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["class"]) == (400, "malformed")
    connection.close()


def test_registering_again_gets_the_proof_again(client: httpx.Client, world: World) -> None:  # SVC-7
    alex = person(world)
    entry = alex.entry()
    first = alex.put(client, entry)
    assert first.status_code == 200
    assert alex.put(client, entry).content == first.content


def test_who_may_register_what(client: httpx.Client, world: World) -> None:  # DIR-1, DIR-2, DIR-20, SVC-12, SVC-20
    alex, blair = person(world), person(world)
    data = alex.entry().encode()
    unknown = client.put(path_of(alex.name), content=data, headers=bearer(bytes(32)) | CBOR)
    absent = client.put(path_of("nobody"), content=data, headers=bearer(bytes(32)) | CBOR)
    assert (unknown.status_code, unknown.content) == (absent.status_code, absent.content)
    assert refused(unknown) == (401, "forged")
    assert refused(client.put(path_of(alex.name), content=data, headers=CBOR)) == (401, "forged")
    assert refused(client.put(path_of(alex.name), content=data, headers=blair.authority | CBOR)) == (403, "refused")
    assert refused(alex.put(client, make_entry(blair.name, 0, blair.identity, 0))) == (403, "refused")
    assert refused(alex.put(client, make_entry(alex.name, 1, alex.identity, 0))) == (403, "refused")
    signed = alex.entry()
    forged = Entry(signed.name, 0, signed.identity, signed.date_s + 1, signed.signature)
    assert refused(alex.put(client, forged)) == (401, "forged")
    assert refused(client.put(path_of(alex.name), content=bytes(513), headers=alex.authority | CBOR))[0] == 413
    assert refused(client.put(path_of(alex.name), content=data, headers=alex.authority | SEQUENCE))[0] == 400


def test_an_identity_is_replaced_in_order(
    client: httpx.Client, world: World, queries: Iterator[str]
) -> None:  # DIR-1, DIR-2
    alex, stranger = person(world), Identity.generate(ENTROPY)
    alex.register(client)
    first = alex.identity
    entry = alex.replaced()
    assert refused(alex.put(client, make_entry(alex.name, 1, alex.identity, 0, stranger))) == (401, "forged")
    assert alex.put(client, entry).status_code == 200
    found = Proof.decode(client.get(path_of(alex.name), headers=shown(next(queries))).content)
    assert (found.entry.sequence, found.entry.identity) == (1, alex.identity.public)
    assert refused(alex.put(client, make_entry(alex.name, 0, first, 0))) == (403, "refused")


# -------------------------------------------------------------------- tokens


def test_without_a_token_the_challenge_comes_back(client: httpx.Client, world: World) -> None:  # TOK-6, SVC-13
    blair = person(world)
    for answer in (client.get(path_of(blair.name)), client.post(path_of(blair.name, "/contact"))):
        assert refused(answer) == (401, "forged")
        assert answer.headers["www-authenticate"].startswith("PrivateToken challenge=")
    other = next(world.tokens(Purpose.QUERY, world.issuer.uri))
    assert refused(client.get(path_of(blair.name), headers=shown(other))) == (401, "forged")
    spent_on_another = client.get(path_of(blair.name), headers=shown("PrivateToken token=AAAA"))
    assert refused(spent_on_another) == (400, "malformed")


def test_a_token_is_for_its_purpose(client: httpx.Client, world: World, asks: Iterator[str]) -> None:  # TOK-13
    blair = person(world)
    blair.register(client)
    assert refused(client.get(path_of(blair.name), headers=shown(next(asks)))) == (401, "forged")


def test_a_token_pays_for_one_query_however_often_it_is_asked(
    client: httpx.Client, world: World, queries: Iterator[str]
) -> None:  # TOK-13, TOK-14, TOK-18, SVC-7
    alex, blair = person(world), person(world)
    for one in (alex, blair):
        one.register(client)
    token = next(queries)
    for _ in range(3):
        assert client.get(path_of(alex.name), headers=shown(token)).status_code == 200
    assert refused(client.get(path_of(blair.name), headers=shown(token))) == (409, "replayed")
    for path in (path_of(alex.name) + "?a", path_of("x" + alex.name)):
        assert refused(client.get(path, headers=shown(token))) == (409, "replayed")


def test_a_query_that_finds_nothing_costs_its_token(
    client: httpx.Client, world: World, queries: Iterator[str]
) -> None:  # TOK-18
    token = next(queries)
    for _ in range(2):
        assert refused(client.get(path_of("nobody at all"), headers=shown(token))) == (404, "unknown")
    blair = person(world)
    blair.register(client)
    assert refused(client.get(path_of(blair.name), headers=shown(token))) == (409, "replayed")


# -------------------------------------------------------------------- contacts


def test_a_contact_is_handed_out_once_and_again_to_its_token(
    client: httpx.Client, world: World, asks: Iterator[str]
) -> None:  # DIR-5, DIR-6, DIR-9, DIR-10, TOK-18
    blair = person(world)
    blair.register(client)
    made = blair.contacts(PER_DAY + 2)
    assert blair.deposit(client, made).json() == {"contacts": PER_DAY + 2}
    assert blair.deposit(client, made[:2]).json() == {"contacts": PER_DAY + 2}
    path = path_of(blair.name, "/contact")
    given = [next(asks) for _ in range(PER_DAY)]
    found = [client.post(path, headers=shown(token)).content for token in given]
    assert found == made[:PER_DAY]
    assert [client.post(path, headers=shown(token)).content for token in given] == found
    Contact.decode(found[0], int(time.time())).check(blair.entry())
    late = next(asks)
    assert refused(client.post(path, headers=shown(late))) == (429, "limit")
    alex = person(world)
    alex.register(client)
    alex.deposit(client, alex.contacts(1))
    assert client.post(path_of(alex.name, "/contact"), headers=shown(late)).status_code == 200
    assert client.get(path_of(blair.name, "/stock"), headers=blair.authority).json() == {"contacts": 2}


def test_why_there_is_no_contact_nobody_learns(
    client: httpx.Client, world: World, asks: Iterator[str]
) -> None:  # DIR-10
    empty, token = person(world), next(asks)
    empty.register(client)
    found = [client.post(path_of(name, "/contact"), headers=shown(token)) for name in (empty.name, "nobody at all")]
    assert {(answer.status_code, answer.content) for answer in found} == {(429, found[0].content)}
    assert found[0].headers["retry-after"].isdigit()  # SVC-5


def test_what_may_be_deposited(client: httpx.Client, world: World) -> None:  # DIR-6, DIR-8, DIR-20
    alex, blair, nobody = person(world), person(world), person(world)
    for one in (alex, blair):
        one.register(client)
    assert refused(nobody.deposit(client, nobody.contacts(1))) == (403, "refused")
    assert refused(alex.deposit(client, blair.contacts(1))) == (401, "forged")
    assert refused(alex.deposit(client, [b"\xa0"])) == (400, "malformed")
    assert refused(alex.deposit(client, [bytes(64 * 2900 + 1)])) == (413, "too-large")
    assert refused(alex.deposit(client, alex.contacts(1) * 65)) == (429, "limit")
    old = make_package(alex.identity, int(time.time()) - 9 * 86_400, 86_400, ENTROPY).package
    assert refused(alex.deposit(client, [Contact(old, alex.contact().addresses).encode()])) == (410, "expired")
    assert client.get(path_of(alex.name, "/stock"), headers=alex.authority).json() == {"contacts": 0}
    assert refused(client.get(path_of(alex.name, "/stock"), headers=blair.authority)) == (403, "refused")
    assert refused(client.get(path_of(alex.name, "/stock"))) == (401, "forged")


def test_a_new_identity_takes_the_stock_with_it(client: httpx.Client, world: World) -> None:  # DIR-6
    alex = person(world)
    alex.register(client)
    alex.deposit(client, alex.contacts(2))
    assert alex.put(client, alex.replaced()).status_code == 200
    assert client.get(path_of(alex.name, "/stock"), headers=alex.authority).json() == {"contacts": 0}
    assert alex.deposit(client, alex.contacts(1)).json() == {"contacts": 1}


# -------------------------------------------------------------------- the log


def test_the_log_is_one_tree(client: httpx.Client, world: World) -> None:  # DIR-12, DIR-15
    uri = world.directory.uri
    key = key_of(client, uri)
    heads = [person(world).register(client).head for _ in range(9)]
    last = heads[-1]
    for head in heads:
        head.check(uri, key)
        answer = client.get("/v1/log/consistency", params={"first": head.size, "second": last.size})
        assert verify_consistency(head.size, last.size, read_path(answer.content), head.tree, last.tree)
    leaves = leaves_of(client, 0, last.size)
    assert Peaks().extended([Leaf.decode(leaf).hash() for leaf in leaves]).root() == last.tree
    assert leaves_of(client, 2, 5) == leaves[2:5]
    assert leaves_of(client, last.size + 9, last.size + 99) == ()


@pytest.mark.parametrize("query", ["", "from=0", "from=2&to=1", "from=-1&to=1", "from=0&from=0&to=1", "from=x&to=1"])
def test_ranges_that_are_none(client: httpx.Client, query: str) -> None:
    assert refused(client.get(f"/v1/log/leaves?{query}")) == (400, "malformed")


@pytest.mark.parametrize("query", ["", "first=0&second=1", "first=2&second=1", "first=1", "first=01&second=1"])
def test_sizes_that_are_none(client: httpx.Client, query: str) -> None:
    assert refused(client.get(f"/v1/log/consistency?{query}")) == (400, "malformed")


def test_a_tree_that_is_not_there_yet(client: httpx.Client) -> None:
    answer = client.get("/v1/log/consistency", params={"first": 1, "second": 2**52})
    assert refused(answer) == (404, "unknown")


# -------------------------------------------------------------------- any bytes


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_bytes_get_an_answer_of_the_standard(world: World, data: st.DataObject) -> None:  # SVC-4
    alex, content = ANYBODY.of(world), data.draw(st.binary(max_size=700) | cbor_like())
    authority = data.draw(st.sampled_from([alex.authority, bearer(bytes(32)), shown("PrivateToken token=AAAA"), {}]))
    media = data.draw(st.sampled_from([CBOR, SEQUENCE, {}]))
    name = data.draw(st.sampled_from([alex.name]) | st.text(min_size=1, max_size=140).filter(encodes))
    method, what = data.draw(st.sampled_from(PLACES))
    with INTERFACE.client(world.directory.base) as client:
        answer = client.request(method, path_of(name, what), content=content, headers=authority | media)
    assert answer.status_code < 500


def hurry(interface: Interface, folder: Path) -> None:
    """Ask faster than one address may."""
    few = {"COMMUNICATOR_SERVICE_ADDRESS_PER_S": "0.01", "COMMUNICATOR_SERVICE_ADDRESS_BURST": "3"}
    with Service(folder, "directory", settings=few) as slow, interface.client(slow.base) as hurried:
        while hurried.get("/v1/log/head").status_code != 429:
            pass
        for method, what in PLACES:
            hurried.request(method, path_of("blair", what))
        for path in (WELL_KNOWN, "/v1/log/leaves?from=0&to=1", "/v1/log/consistency?first=1&second=1"):
            hurried.get(path)


def test_every_status_of_the_file_happens(
    world: World, tmp_path: Path, queries: Iterator[str], asks: Iterator[str]
) -> None:  # SVC-4, SVC-5, SEC-8
    interface = Interface("directory")
    alex, blair = person(world), person(world)
    with interface.client(world.directory.base) as client:
        for one in (alex, blair):
            one.register(client)
            one.deposit(client, one.contacts(1))
        for method, what in PLACES:
            for name, headers in ((alex.name, {}), (alex.name, blair.authority), ("Zoe\u0308", alex.authority)):
                client.request(method, path_of(name, what), headers=headers | (SEQUENCE if what else CBOR))
        for what, media, size in (("", CBOR, 513), ("/contacts", SEQUENCE, 64 * 2900 + 1)):
            method = "POST" if what else "PUT"
            client.request(method, path_of(alex.name, what), content=bytes(size), headers=alex.authority | media)
        old = make_package(alex.identity, int(time.time()) - 9 * 86_400, 86_400, ENTROPY).package
        alex.deposit(client, [Contact(old, alex.contact().addresses).encode()])
        for method, what, tokens_of in (("GET", "", queries), ("POST", "/contact", asks)):
            token = shown(next(tokens_of))
            for name in (alex.name, blair.name):
                client.request(method, path_of(name, what), headers=token)
        client.get(path_of("nobody at all"), headers=shown(next(queries)))
        client.get(path_of(alex.name, "/stock"), headers=alex.authority)
        for place in ("head", "leaves?from=0&to=1", "leaves", "consistency?first=1&second=2", "consistency"):
            client.get(f"/v1/log/{place}")
        client.get("/v1/log/consistency?first=1&second=99999999")
        client.get(WELL_KNOWN)
    hurry(interface, tmp_path)
    assert interface.documented - interface.seen == set(NOT_SO_HERE)
