"""Four services on one origin and in one process: each does its work, and the end loses nothing that was answered."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import httpx
import pytest
from tests.patience import eventually
from tests.services.asking import (
    OCTETS,
    Person,
    asked,
    bearer,
    body_of,
    issuing,
    leaves_of,
    open_account,
    path_of,
    tokens,
)
from tests.services.owning import LabelOwner, accept, body, config_of, settled
from tests.services.ports import free_port
from tests.services.running import Service
from tests.services.test_sending import FAST, WAIT_S, state, submission, submit, ticket_of

from communicator_impl.document import Document
from communicator_impl.tokens import Purpose
from communicator_spec.openapi import SERVICES

Done = TypeVar("Done")
DOCUMENT = "/.well-known/communicator.json"
ADDRESSES = 200


def everything(folder: Path) -> Service:
    """Return all four services, of which three take tokens of the fourth."""
    port = free_port()
    own = f'["http://127.0.0.1:{port}"]'
    taken = {
        "COMMUNICATOR_RECEIVING_TOKENS": f"{{register = {own}}}",
        "COMMUNICATOR_SENDING_TOKENS": f"{{upload = {own}}}",
        "COMMUNICATOR_DIRECTORY_TOKENS": f"{{query = {own}}}",
        "COMMUNICATOR_AUTHORIZATION_ALLOWANCES": "{submit = 100000}",
    }
    return Service(folder, "all", port=port, settings={**FAST, **taken})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with everything(tmp_path_factory.mktemp("all")) as running:
        yield running


def test_each_of_the_four_does_its_work_with_tokens_of_this_origin(
    service: Service,
) -> None:  # SVC-13, SVC-14, TOK-14
    account = open_account(service)
    with service.client() as client:
        document = Document.decode(client.get(DOCUMENT).content, service.uri)
        assert document.uris() == (service.uri,) * 4

        def token(purpose: Purpose) -> dict[str, str]:
            shown = tokens(client, service.uri, service.uri, purpose, account)
            return {"authorization": next(shown)}

        owner = LabelOwner(config_of(client, service.uri))
        assert client.post("/v1/roots", json=owner.registration()).status_code == 401
        owner.register(client, token(Purpose.REGISTER))
        ticket = ticket_of(submit(client, submission(service.uri, owner.request(0, body(1)))))
        assert [one.ciphertext for one in settled(client, owner, 1)] == [body(1)]
        assert state(client, ticket, wait_s=WAIT_S) == "forwarded"
        uploaded = client.post(
            "/v1/attachments?lifetime=86400", content=bytes(65_536), headers=OCTETS | token(Purpose.UPLOAD)
        )
        assert uploaded.status_code == 201
        blair = Person(service, "blair/of this origin")
        blair.register(client)
        assert client.get(path_of(blair.name)).status_code == 401
        assert client.get(path_of(blair.name), headers=token(Purpose.QUERY)).status_code == 200
        assert {answer.headers["communicator-revision"] for answer in (uploaded, client.get(DOCUMENT))} == {"1"}


def test_another_service_on_the_origin_is_a_new_revision(tmp_path: Path) -> None:  # SVC-18
    first = Service(tmp_path, "receiving directory")
    seen = []
    for role in ("receiving directory", "receiving directory sending", "receiving directory sending"):
        with Service(tmp_path, role, database=first.database, port=first.port) as running, running.client() as client:
            found = Document.decode(client.get(DOCUMENT).content, first.uri)
            seen.append((found.revision, [name for name in SERVICES if getattr(found, name) is not None]))
            assert running.stop() == 0
    assert seen == [
        (1, ["receiving", "directory"]),
        (2, ["receiving", "sending", "directory"]),
        (2, ["receiving", "sending", "directory"]),
    ]


class Load(Generic[Done]):
    """Does one thing after the other until the process ends; `done`: what was answered, `lost`: what was not."""

    def __init__(self, service: Service, act: Callable[[httpx.Client, int], Done]) -> None:
        self.done: dict[int, Done] = {}
        self.was_cut = False
        self._service, self._act = service, act
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        with self._service.client() as client:
            for number in range(100_000):
                try:
                    self.done[number] = self._act(client, number)
                except httpx.TransportError:
                    self.was_cut = True
                    return


def test_what_was_answered_under_load_is_there_after_the_end(tmp_path: Path) -> None:  # SVC-8
    service = everything(tmp_path).start()
    account = open_account(service)
    with service.client() as client:
        register = next(tokens(client, service.uri, service.uri, Purpose.REGISTER, account))
        owner = LabelOwner(config_of(client, service.uri)).register(client, {"authorization": register})
        key = issuing(client, Purpose.SUBMIT)
    blair = Person(service, "blair")
    people = [Person(service, f"person {number}") for number in range(60)]
    nobody = f"http://127.0.0.1:{free_port()}"

    def accepted(client: httpx.Client, number: int) -> bytes:
        assert accept(client, owner.request(number % ADDRESSES, body(number))) == 202
        return body(number)

    def submitted(client: httpx.Client, number: int) -> str:
        return ticket_of(submit(client, submission(nobody, number.to_bytes(4))))

    def registered(client: httpx.Client, number: int) -> str:
        person = people[number % len(people)] if number < len(people) else blair
        assert person.put(client, person.entry()).status_code == 200
        return person.name

    def issued(client: httpx.Client, number: int) -> tuple[bytes, bytes]:
        wanted = body_of(asked(key, service.uri, service.uri, 2))
        answer = client.post("/v1/tokens", content=wanted, headers=bearer(account) | OCTETS)
        assert answer.status_code == 200
        return wanted, answer.content

    taken, queued = Load(service, accepted), Load(service, submitted)
    entered, signed = Load(service, registered), Load(service, issued)
    loads: tuple[Load[Any], ...] = (taken, queued, entered, signed)
    assert eventually(lambda: min(len(load.done) for load in loads) >= 5)
    assert service.stop() == 0
    for load in loads:
        load.thread.join()
        assert load.was_cut  # the process ended while it was asked
        assert len(load.done) >= 5
    with service.start(), service.client() as client:
        sent = {found for number, found in taken.done.items() if number < ADDRESSES}
        assert {one.ciphertext for one in settled(client, owner, len(sent))} >= sent
        assert all(state(client, ticket) == "queued" for ticket in queued.done.values())
        assert len(leaves_of(client, 0, len(set(entered.done.values())))) == len(set(entered.done.values()))
        for wanted, answer in signed.done.values():
            again = client.post("/v1/tokens", content=wanted, headers=bearer(account) | OCTETS)
            assert again.content == answer
        left = client.get("/v1/allowance", headers=bearer(account)).json()["submit"]
        assert left <= 100_000 - 2 * len(signed.done)
