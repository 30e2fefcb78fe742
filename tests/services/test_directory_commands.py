"""What an operator and a reader type: names and accounts are opened, and a directory is watched."""

import io
import json
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import httpx
import pytest
from tests.services.asking import CBOR, ENTROPY, ISSUER_KEYS, Person, bearer, path_of
from tests.services.running import Service

from communicator_impl.directory import make_entry
from communicator_impl.document import unbase64url
from communicator_impl.keys import Identity
from communicator_reports.cli import main


def communicator(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the command in this process, and return its exit code and output."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(io.StringIO()):
        patch.setattr(sys, "argv", ["communicator", *arguments])
        patch.chdir(folder)
        with pytest.raises(SystemExit) as stop:
            main()
    return (stop.value.code if isinstance(stop.value.code, int) else int(stop.value.code is not None)), out.getvalue()


def test_a_name_is_opened_registered_and_watched(tmp_path: Path) -> None:  # DIR-17
    with Service(tmp_path, "directory") as service:
        _, opened = communicator(tmp_path, "directory", "open", "blair", "--database", service.database)
        key, identity = unbase64url(opened.strip()), Identity.generate(ENTROPY)
        with service.client() as client:
            entry = make_entry("blair", 0, identity, 1_767_225_600)
            answer = client.put(path_of("blair"), content=entry.encode(), headers=bearer(key) | CBOR)
        assert answer.status_code == 200
        code, seen = communicator(tmp_path, "directory", "watch", service.uri, "--json")
        assert (code, json.loads(seen)["sizes"]) == (0, {service.base: 1})
        code, seen = communicator(tmp_path, "directory", "watch", service.uri, "--name", "blair", "--state", "other")
        assert (code, seen.splitlines()[-1]) == (1, "blair: entry 0 is new: did you make it?")
    assert communicator(tmp_path, "directory", "watch", service.uri)[0] == 2
    assert communicator(tmp_path, "directory", "open", "Zoe\u0308", "--database", service.database)[0] == 2


def test_a_directory_with_two_logs_is_told_by_the_exit_code(tmp_path: Path) -> None:  # DIR-15
    first = Service(tmp_path, "directory")
    second = Service(tmp_path, "directory", uri=first.uri)
    with first:
        assert first.stop() == 0
    shutil.copy(first.database.removeprefix("sqlite:///"), second.database.removeprefix("sqlite:///"))
    with first, second, first.client() as one, second.client() as other:
        for service, client in ((first, one), (second, other)):
            Person(service, "alex").register(client)
        ways = ("--via", first.base, "--via", second.base)
        code, seen = communicator(tmp_path, "directory", "watch", first.uri, *ways, "--json")
    assert (code, json.loads(seen)["refused"]) == (1, "forged")


def test_an_account_is_opened_and_closed(tmp_path: Path) -> None:  # SVC-12
    with Service(tmp_path, "authorization") as service:
        _, opened = communicator(tmp_path, "authorization", "open", "--database", service.database)
        key = opened.strip()
        with service.client() as client:
            assert client.get(ISSUER_KEYS).status_code == 200
            assert allowed(client, key) == 200
            assert communicator(tmp_path, "authorization", "close", key, "--database", service.database)[0] == 0
            assert allowed(client, key) == 401


def allowed(client: httpx.Client, key: str) -> int:
    return client.get("/v1/allowance", headers={"authorization": f"Bearer {key}"}).status_code
