"""Services under test by URL: a real one passes, and each that is wrong in one way is found by the right test."""

import json
import os
import shutil
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import cbor2
import httpx
import pytest
from tests.conformance.services.faults import EARLY, FAULTS, Broken
from tests.conformance.services.fronts import Asked as FrontAsked
from tests.conformance.services.fronts import Change, Front, Given, Watching, fronted
from tests.services.asking import open_account
from tests.services.ports import free_port
from tests.services.running import Service
from typer.testing import CliRunner

from communicator_conformance import report
from communicator_conformance.services import REACHED, Asked, examine, play
from communicator_conformance.services.playing import chosen
from communicator_conformance.services.world import base64url
from communicator_conformance.verdicts import Fault, Result, Status
from communicator_impl.entropy import SystemEntropy
from communicator_impl.services.database import Database
from communicator_impl.services.directory_store import open_account as open_name
from communicator_reports.cli import app
from communicator_spec.openapi import SERVICES

NAMES = ("conformance-a", "conformance-b")
LONG = {"service/receiving/full"}
ALLOWED = 4096


class Place(NamedTuple):
    """A service that runs, with what its operator gives to the suite."""

    service: Service
    asked: Asked
    front: Front | None


@pytest.fixture(scope="module")
def partner() -> Iterator[Watching]:
    with Watching(["reference"]) as program:
        yield program


def served(folder: Path, uri: str, port: int) -> Service:
    """Return all four services in one process, each asking for tokens of its own issuer, with a clean start."""
    tokens = {
        "RECEIVING": ("register", "fetch"),
        "SENDING": ("submit", "upload"),
        "DIRECTORY": ("query", "contact"),
    }
    named = {
        f"COMMUNICATOR_{part}_TOKENS": "{" + ", ".join(f'{one} = ["{uri}"]' for one in purposes) + "}"
        for part, purposes in tokens.items()
    }
    allowed = ", ".join(f"{one} = {ALLOWED}" for purposes in tokens.values() for one in purposes if one != "fetch")
    return Service(
        folder, "all", uri=uri, port=port,
        settings={
            **named,
            "COMMUNICATOR_DIRECTORY_MODE": "brokered",
            "COMMUNICATOR_DIRECTORY_CONTACTS_PER_DAY": "1000",
            "COMMUNICATOR_SENDING_NAMED_ADDRESSES": '["127.0.0.1"]',
            "COMMUNICATOR_SENDING_RETRY_S_MIN": "0.2",
            "COMMUNICATOR_AUTHORIZATION_ALLOWANCES": "{" + allowed + ", fetch = 200}",
        },
    )  # fmt: skip


def given(service: Service) -> Asked:
    """Open an account and two names, as an operator does for the suite."""
    account, names = base64url(open_account(service)), {}
    database = Database(service.database)
    for name in NAMES:
        key = SystemEntropy().draw("key", 32)
        database.transact(partial(open_name, name=name, access_key=key))
        names[name] = base64url(key)
    database.close()
    return Asked(url=service.uri, accounts={"": account}, names=names, timeout_s=30)


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    port = free_port()
    with served(tmp_path_factory.mktemp("direct"), f"http://127.0.0.1:{port}", port) as service:
        yield Place(service, given(service), None)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory, partner: Watching) -> Iterator[Place]:
    port, inner = free_port(), free_port()
    with (
        fronted(port, f"http://127.0.0.1:{inner}", partner) as front,
        served(tmp_path_factory.mktemp("behind"), front.uri, inner) as service,
    ):
        yield Place(service, given(service), front)


@contextmanager
def restarting(work: Callable[[], None]) -> Iterator[str]:
    """Yield the command that makes the test do some work, and ends when it is done."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            work()
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        place = f"http://127.0.0.1:{server.server_port}"
        yield f"{sys.executable} -c \"from urllib.request import urlopen; urlopen('{place}').close()\""
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def played(asked: Asked, partner: Watching) -> dict[str, Result]:
    return {result.id: result for result in play(asked, partner)}


def select(asked: Asked, pattern: str, **more: object) -> Asked:
    changed = {**{name: getattr(asked, name) for name in Asked.__struct_fields__}, "select": pattern, **more}
    return Asked(**changed)


# -------------------------------------------------------------------- a service that is right


@pytest.mark.slow
def test_a_real_service_passes_all_of_it_through_kill_9(direct: Place) -> None:
    kills = []

    def work() -> None:
        kills.append(direct.service.pid)
        direct.service.kill()
        direct.service.start()

    with restarting(work) as command:
        whole = examine(select(direct.asked, "*", restart=command, listen=free_port()))
    found = whole.verdict
    assert whole.left == 0
    assert len(kills) == 1
    assert direct.service.pid != kills[0]
    assert [(r.id, r.detail) for r in found.failures] == []
    assert {r.id for r in found.results if r.status is Status.SKIPPED} == LONG
    assert found.ok
    listed = [case.id for table in chosen(Asked(url=""), SERVICES) for case in table]
    assert [r.id for r in found.results] == [REACHED, *listed]


def test_two_runs_write_the_same_bytes(direct: Place, tmp_path: Path) -> None:
    for name in ("a", "b"):
        found = examine(select(direct.asked, "service/*/unknown/*"))
        report.write(found.verdict, tmp_path / name)
    written = [(tmp_path / name / "results.jsonl").read_bytes() for name in ("a", "b")]
    assert written[0] == written[1]
    assert written[0].count(b'"passed"') == 13


def test_nothing_that_can_be_removed_is_left(direct: Place, partner: Watching) -> None:
    pattern = "service/*/*/[avs]*"
    found = played(select(direct.asked, pattern, kinds=("receiving", "sending")), partner)
    assert sum(r.status is Status.PASSED for r in found.values()) > 12
    with closing(sqlite3.connect(direct.service.database.removeprefix("sqlite:///"))) as database:
        assert database.execute("SELECT count(*) FROM roots").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM uploads").fetchone() == (0,)


def test_without_account_or_name_tests_are_skipped_and_say_why(direct: Place, partner: Watching) -> None:
    asked = Asked(url=direct.asked.url, select="service/*/[te]*")
    found = played(asked, partner)
    assert found.pop(REACHED).status is Status.PASSED
    why = {r.detail for r in found.values() if r.status is Status.SKIPPED}
    assert "tokens for register need --account ISSUER=KEY" in why
    assert "needs --name NAME=KEY" in why
    assert not [r for r in found.values() if r.status is Status.FAILED]


# -------------------------------------------------------------------- services that are wrong in one way


def test_a_front_without_a_fault_passes(behind: Place, partner: Watching) -> None:
    assert behind.front is not None
    behind.front.breaks(Change())
    for test in sorted({f"service/{broken.test}" for broken in FAULTS.values()}):
        found = played(select(behind.asked, test, samples=40), partner)
        assert found[test].status is Status.PASSED, found[test]


@pytest.mark.parametrize("broken", FAULTS.values(), ids=list(FAULTS))
def test_a_service_that_is_wrong_is_found(behind: Place, partner: Watching, broken: Broken) -> None:
    assert behind.front is not None
    behind.front.breaks(broken.change)
    try:
        limit_s = 4 if broken.fault in (Fault.HUNG, Fault.LOST) else 30
        asked = select(behind.asked, f"service/{broken.test}", samples=40, timeout_s=limit_s)
        result = played(asked, partner)[f"service/{broken.test}"]
    finally:
        behind.front.breaks(Change())
    assert result.status is Status.FAILED, result
    assert (result.fault, broken.words in result.detail) == (broken.fault, True), result
    assert result.lines[0].startswith("→ ")


def test_a_database_of_before_is_found(behind: Place, partner: Watching, tmp_path: Path) -> None:
    service, path = behind.service, Path(behind.service.database.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "before")) as target:
        source.backup(target)

    def work() -> None:
        service.kill()
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        os.replace(shutil.copy(tmp_path / "before", f"{path}-new"), path)  # no child of it still writes to this one
        service.start()

    with restarting(work) as command:
        found = played(select(behind.asked, "service/*/durable/*", restart=command, timeout_s=5), partner)
    del found[REACHED]
    undone = {"service/receiving/durable/revoked"}  # a root that was never there is as one that was revoked
    right = {name for name, r in found.items() if r.status is Status.PASSED}
    assert right == undone, {name: r.detail for name, r in found.items()}
    assert {r.status for name, r in found.items() if name not in undone} == {Status.FAILED}
    assert found["service/receiving/durable/messages"].fault is Fault.REJECTED
    assert found["service/directory/durable/entry"].detail == "the log is shorter than before"
    assert found["service/authorization/durable/issued"].fault is Fault.LOST


def test_an_answer_before_the_message_is_durable_is_found(behind: Place, partner: Watching) -> None:
    front, service = behind.front, behind.service
    assert front is not None

    def work() -> None:
        front.forget()
        service.kill()
        service.start()

    front.breaks(EARLY)
    try:
        with restarting(work) as command:
            asked = select(behind.asked, "service/receiving/durable/messages", restart=command, timeout_s=5)
            result = played(asked, partner)["service/receiving/durable/messages"]
    finally:
        front.breaks(Change())
    assert result.fault is Fault.LOST
    assert "were accepted and never stored" in result.detail


def test_a_restart_command_that_fails_says_so(direct: Place, partner: Watching) -> None:
    asked = select(direct.asked, "service/receiving/durable/revoked", restart="echo no such unit >&2; exit 5")
    result = played(asked, partner)["service/receiving/durable/revoked"]
    assert (result.status, result.fault) == (Status.FAILED, Fault.DIED)
    assert result.detail == "the restart command ended with code 5: no such unit"


# -------------------------------------------------------------------- services that are not there


def test_a_service_that_is_absent_is_never_a_pass(partner: Watching) -> None:
    (result,) = play(Asked(url=f"http://127.0.0.1:{free_port()}", timeout_s=1), partner)
    assert (result.id, result.status, result.fault) == (REACHED, Status.FAILED, Fault.DIED)
    assert "run, and is it the origin of a service" in result.detail


@pytest.mark.parametrize("says", [b"", b"hello\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno"])
def test_what_is_no_service_is_never_a_pass(partner: Watching, says: bytes) -> None:
    """Silent, something else, and a server of other things."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def answer() -> None:
            held = []
            while not over.is_set():
                connection, _ = server.accept()
                held.append(connection)
                if says:
                    connection.recv(65_536)
                    connection.sendall(says)
                    connection.close()
            for connection in held:
                connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            (result,) = play(Asked(url=url, timeout_s=30 if says else 0.5), partner)
        finally:
            over.set()
            socket.create_connection(server.getsockname()).close()
            thread.join()
    assert result.status is Status.FAILED
    assert result.fault in ((Fault.HUNG,) if not says else (Fault.DIED, Fault.SCHEMA))
    assert "run, and is it the origin of a service" in result.detail


def test_after_a_service_died_nothing_passes(behind: Place, partner: Watching) -> None:
    front = behind.front
    assert front is not None
    front.breaks(Change(ask=lambda front, asked: None if front.count > 40 else asked))
    try:
        found = list(play(select(behind.asked, "service/receiving/[abcdef]*", samples=20), partner))
    finally:
        front.breaks(Change())
    first = next(i for i, r in enumerate(found) if r.status is Status.FAILED)
    assert 2 < first < len(found) - 5
    after = [r for r in found[first:] if r.status is not Status.SKIPPED]
    assert {(r.status, r.fault) for r in after} == {(Status.FAILED, Fault.DIED)}
    assert "start it, and run again" in after[-1].detail


def test_what_is_not_public_need_not_be_reached(behind: Place, partner: Watching) -> None:  # SEND-11
    front = behind.front
    assert front is not None
    head = {"content-type": "application/json", "communicator-revision": "1"}

    def queued(front: Front, asked: FrontAsked) -> FrontAsked | Given:
        if asked.path == "/v1/submit":
            return Given(202, head, b'{"ticket": "AAAAAAAAAAAAAAAAAAAAAA"}')
        if asked.path.startswith("/v1/submissions/"):
            return Given(200, head, b'{"state": "queued", "unreachable": false}')
        return asked

    front.breaks(Change(ask=queued))
    try:
        found = played(select(behind.asked, "service/sending/submit/[bt][rw]*", timeout_s=4), partner)
    finally:
        front.breaks(Change())
    del found[REACHED]
    assert len(found) == 2
    assert {r.status for r in found.values()} == {Status.SKIPPED}
    assert all("is not public" in r.detail for r in found.values())


@pytest.mark.parametrize(
    "body", [b'{"sending": {}}', b'{"sending": {"uri": 7}, "version": 1}', b"[]", b'{"a": 1, "a": 2}']
)
def test_a_document_that_cannot_be_used_ends_the_run(behind: Place, partner: Watching, body: bytes) -> None:
    front = behind.front
    assert front is not None
    front.breaks(Change(ask=lambda front, asked: Given(200, {"content-type": "application/json"}, body)))
    try:
        (result,) = play(behind.asked, partner)
    finally:
        front.breaks(Change())
    assert (result.id, result.status, result.fault) == (REACHED, Status.FAILED, Fault.SCHEMA)


def test_a_document_of_another_origin_is_found(direct: Place, partner: Watching) -> None:
    url = direct.asked.url.replace("127.0.0.1", "localhost")
    found = played(Asked(url=url, select="service/sending/document"), partner)
    assert found["service/sending/document"].detail.startswith(f"the document says {direct.asked.url}")


# -------------------------------------------------------------------- the command


def test_the_command_says_what_it_will_do_and_prints_one_json_value(direct: Place, tmp_path: Path) -> None:
    options = [
        "--select",
        "service/sending/state",
        "--json",
        "--jsonl",
        str(tmp_path / "r"),
        "--junit",
        str(tmp_path / "j"),
    ]
    done = CliRunner().invoke(app, ["conform", "service", direct.asked.url, *options])
    assert done.exit_code == 0, done.output
    assert "what stays behind" in done.stderr
    found = json.loads(done.stdout)
    assert (found["counts"]["passed"], found["failures"], found["measured"]) == (2, [], [])
    assert len((tmp_path / "r").read_text().splitlines()) == 2
    assert "<testsuite " in (tmp_path / "j").read_text()


def test_a_plan_asks_for_nothing() -> None:
    done = CliRunner().invoke(app, ["conform", "service", "https://post.example", "--kind", "sending", "--plan"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "sending: submits" in done.stderr
    assert "receiving" not in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["http://post.example"], "is not the URI of a service"),
        (["https://post.example", "--kind", "post"], "none of receiving, sending, directory, authorization"),
        (["https://post.example", "--name", "blair=KEY"], "begins with 'conformance'"),
        (["https://post.example", "--update"], "--expectations FILE"),
        (["https://post.example", "--expectations", os.devnull + "/none"], "--update makes one"),
    ],
)
def test_what_is_asked_wrongly_is_said_before_anything_is_done(options: list[str], words: str) -> None:
    done = CliRunner().invoke(app, ["conform", "service", *options])
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.replace("│", " ").split())


def test_known_failures_are_expected_and_those_that_pass_are_not(behind: Place, tmp_path: Path) -> None:
    front, listed = behind.front, tmp_path / "known.txt"
    assert front is not None
    asked = select(behind.asked, "service/receiving/register/again")
    front.breaks(FAULTS["hides the revision of its document"].change)
    try:
        assert examine(asked, expectations=listed, update=True).verdict.ok is False  # nothing passed
        expected = {r.id: r.status for r in examine(asked, expectations=listed).verdict.results}
    finally:
        front.breaks(Change())
    assert expected["service/receiving/register/again"] is Status.EXPECTED
    (failed,) = examine(asked, expectations=listed).verdict.failures
    assert failed.fault is Fault.LISTED_BUT_PASSING


# -------------------------------------------------------------------- sending services, as a receiver sees them


def hands_over(change: Callable[[dict[str, str]], dict[str, str] | None], test: str, partner: Watching) -> Result:
    """Play one test of what is handed over against a sending service in which `change` makes the headers."""
    port, there = free_port(), free_port()
    ticket = {"ticket": "A" * 22}
    document = {
        "version": 1, "revision": 1, "operator": "one fault",
        "sending": {
            "uri": f"http://127.0.0.1:{port}", "request_bytes_max": 4096, "delay_mean_s": [0],
            "queue_lifetime_s": 172_800, "upload": {"1": 1}, "tokens": {"submit": [], "upload": []},
        },
    }  # fmt: skip

    def answer(front: Front, asked: FrontAsked) -> Given:
        head = {"content-type": "application/json", "communicator-revision": "1"}
        if asked.path == "/v1/submit":
            submission = cbor2.loads(asked.body)
            made = change({"content-type": "application/cbor"})
            if made is not None:
                httpx.post(f"{submission[1]}/v1/accept", content=submission[2], headers=made)
            return Given(202, head, json.dumps(ticket).encode())
        if asked.path.startswith("/v1/submissions/"):
            return Given(200, head, b'{"state": "forwarded", "unreachable": false}')
        return Given(200, head, json.dumps(document).encode())

    with fronted(port, "http://127.0.0.1:1", partner) as front:
        front.breaks(Change(ask=answer))
        asked = Asked(url=front.uri, select=f"service/sending/handed-over/{test}", listen=there, timeout_s=4)
        return played(asked, partner)[asked.select]


def test_a_sending_service_that_hands_over_only_the_request_passes(partner: Watching) -> None:
    assert hands_over(lambda headers: headers, "unchanged", partner).status is Status.PASSED


def test_a_sending_service_that_says_for_whom_it_asks_is_found(partner: Watching) -> None:
    result = hands_over(lambda headers: {**headers, "x-forwarded-for": "203.0.113.7"}, "unchanged", partner)
    assert (result.fault, result.detail.rpartition(": ")[2]) == (Fault.TOLD_APART, "x-forwarded-for")


def test_a_sending_service_that_hands_nothing_over_is_found(partner: Watching) -> None:
    assert hands_over(lambda headers: None, "taken-once", partner).fault is Fault.LOST


def test_a_sending_service_that_hides_a_refusal_is_found(partner: Watching) -> None:
    result = hands_over(lambda headers: headers, "refused-once", partner)
    assert (result.fault, result.detail) == (
        Fault.STATE, "a submission that was answered 400 is forwarded, not refused",
    )  # fmt: skip
