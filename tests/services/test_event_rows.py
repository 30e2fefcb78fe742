"""What a directory and an authorization service write into their event log: each fact once, however often it is asked
for and whenever the service is killed; and a log in which that is not so is refused."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest
from tests.services.asking import (
    CBOR,
    OCTETS,
    Person,
    asked,
    bearer,
    body_of,
    finished,
    issuing,
    open_account,
    path_of,
)
from tests.services.ports import free_port
from tests.services.running import Service
from tests.services.test_event_log import ON, Files, judged, lines_of

from communicator_impl.directory import Entry
from communicator_impl.tokens import Purpose
from communicator_spec import Kind
from communicator_spec.events import named

ORDERED = 3
CONTACTS = 4
TIMES = 2


class Walk(NamedTuple):
    """What happened, and the log of it."""

    files: Files
    entries: list[bytes]
    contacts: list[bytes]
    handed: list[bytes]

    def rows(self, kind: Kind) -> list[dict[str, int]]:
        """Return the rows of one kind."""
        (lines,) = self.files.values()
        return [row for row in map(json.loads, lines) if row["kind"] == kind.name]


class Walker:
    """Asks everything several times; the same is answered alike."""

    def __init__(self, service: Service) -> None:
        self.service, self.account = service, open_account(service)
        self.person = Person(service, "blair")
        self.entries = [self.person.entry(), self.person.replaced()]
        self.contacts = self.person.contacts(CONTACTS)
        self.orders = list[bytes]()
        self.shown = list[str]()

    def order(self, client: httpx.Client, purpose: Purpose) -> None:
        """Order tokens."""
        pending = asked(issuing(client, purpose), self.service.uri, self.service.uri, ORDERED)
        self.orders.append(body_of(pending))
        self.shown += finished(pending, self._ordered(client, self.orders[-1]).content)

    def _ordered(self, client: httpx.Client, body: bytes) -> httpx.Response:
        answer = client.post("/v1/tokens", content=body, headers=bearer(self.account) | OCTETS)
        assert answer.status_code == 200, answer.text
        return answer

    def registers(self, client: httpx.Client, entry: Entry) -> None:
        """Put an entry again and again."""
        headers = self.person.authority | CBOR
        for _ in range(TIMES):
            assert client.put(path_of("blair"), content=entry.encode(), headers=headers).status_code == 200

    def deposits(self, client: httpx.Client) -> None:
        """Leave the same contacts again and again."""
        for _ in range(TIMES):
            assert self.person.deposit(client, self.contacts).status_code == 200

    def repeats(self, client: httpx.Client) -> list[bytes]:
        """Put the newest entry, order the same tokens, and ask for contacts with the same ones; returns these."""
        self.registers(client, self.entries[-1])
        for body in self.orders:
            self._ordered(client, body)
        answers = [client.post(path_of("blair", "/contact"), headers={"authorization": one}) for one in self.shown]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.content for answer in answers]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """Ask a directory and an issuer on one origin for everything, kill them, and ask again."""
    port = free_port()
    own = f'["http://127.0.0.1:{port}"]'
    rules = {"COMMUNICATOR_DIRECTORY_MODE": "brokered", "COMMUNICATOR_DIRECTORY_TOKENS": f"{{contact = {own}}}"}
    folder = tmp_path_factory.mktemp("rows")
    with Service(folder, "directory authorization", port=port, settings=rules | ON) as service:
        walker = Walker(service)
        with service.client() as client:
            walker.registers(client, walker.entries[0])
            walker.registers(client, walker.entries[1])
            walker.deposits(client)
            walker.order(client, Purpose.CONTACT)
            before = walker.repeats(client)
            service.kill()
        with service.start(), service.client() as client:
            assert walker.repeats(client) == before
            walker.deposits(client)
        entries = [entry.encode() for entry in walker.entries]
        yield Walk({service.uri: lines_of(service)}, entries, walker.contacts, before)


def test_each_fact_has_one_row(walk: Walk) -> None:  # DIR-5, DIR-13, AUTH-2, TOK-14, SVC-7
    assert judged(walk.files) == []
    assert [(row["message"], row["position"]) for row in walk.rows(Kind.ENTERED)] == [
        (named(entry), place) for place, entry in enumerate(walk.entries)
    ]
    assert [row["message"] for row in walk.rows(Kind.DEPOSITED)] == [named(one) for one in walk.contacts]
    assert [row["message"] for row in walk.rows(Kind.HANDED)] == [named(one) for one in walk.handed]
    assert [row["value"] for row in walk.rows(Kind.GRANTED)] == [ORDERED]
    assert len({row["message"] for row in walk.rows(Kind.SPENT)}) == len(walk.rows(Kind.SPENT)) == ORDERED
    (lines,) = walk.files.values()
    assert set(Counter(json.loads(line)["kind"] for line in lines)) == {
        kind.name for kind in (Kind.ENTERED, Kind.DEPOSITED, Kind.HANDED, Kind.GRANTED, Kind.SPENT)
    }


def test_a_fact_that_is_told_twice_is_refused(walk: Walk) -> None:
    ((name, lines),) = walk.files.items()
    for line in lines:
        again = json.dumps({key: value for key, value in json.loads(line).items() if key != "id"})
        assert judged({name: [*lines, again]}), line


def test_what_was_handed_out_and_never_left_there_is_refused(walk: Walk) -> None:
    ((name, lines),) = walk.files.items()
    given = walk.rows(Kind.HANDED)[0]["message"]
    without = [
        line for line in lines if (json.loads(line)["kind"], json.loads(line)["message"]) != ("DEPOSITED", given)
    ]
    assert len(without) == len(lines) - 1
    assert judged({name: without})
