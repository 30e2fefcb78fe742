"""Relationships that begin at a directory, with real services: what people type, what they read, and exit codes."""

import io
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from tests.client.directory_town import Town, town
from tests.client.two_people import closing, device, go_on, texts
from tests.patience import eventually
from tests.services.asking import Person
from tests.services.running import Service

from communicator_impl.client.records import Stage
from communicator_impl.document import base64url
from communicator_impl.errors import InputError
from communicator_reports.cli import main
from communicator_spec import ErrorClass


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("town"), per_day=2) as running:
        yield running


def rm(store: Path, *words: str) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code, output and errors."""
    out, errors, key = io.StringIO(), io.StringIO(), store.with_suffix(".key")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        patch.setattr(sys, "argv", ["communicator", "rm", *words, "--store", str(store), "--key-file", str(key)])
        with pytest.raises(SystemExit) as stop:
            main()
    code = stop.value.code
    return (code if isinstance(code, int) else int(code is not None)), out.getvalue(), errors.getvalue()


def done(store: Path, *words: str) -> str:
    code, out, errors = rm(store, *words)
    assert code == 0, (out, errors)
    return out


@pytest.mark.slow
def test_what_two_people_type_at_a_directory(place: Town, tmp_path: Path) -> None:
    ann, ben, uri = tmp_path / "ann", tmp_path / "ben", place.directory.uri
    for store in (ann, ben):
        done(store, "init", "--service", place.post.uri)
    key = base64url(place.name("ann"))
    made = json.loads(done(ann, "register", "ann", "--directory", uri, "--key", key, "--keep", "3", "--json"))
    assert (made["left"], made["keeps"], made["strange"]) == (3, 3, [])
    assert rm(ben, "find", "ann", "--directory", uri)[0] == 2
    assert "communicator rm account" in rm(ben, "find", "ann", "--directory", uri)[2]
    account = base64url(place.account())
    assert "may ask for 1024" in done(ben, "account", place.issuer.uri, "--key", account)
    code, _, errors = rm(ben, "find", "nobody", "--directory", uri)
    assert (code, "nobody is called nobody" in errors) == (2, True)
    found = json.loads(done(ben, "find", "ann", "--directory", uri, "--name", "Ann", "--say", "may\nI?", "--json"))
    assert found == {"relationship": 0, "identity": "first", "one_operator": False}
    assert eventually(lambda: json.loads(done(ann, "requests", "--json")))
    (waiting,) = json.loads(done(ann, "requests", "--json"))
    assert (waiting["text"], waiting["name"]) == ("may I?", "ann")
    assert "1 strangers wait" in done(ann, "sync")
    number = str(waiting["number"])
    assert json.loads(done(ann, "people", "--json")) == []
    done(ann, "accept-request", number, "--name", "Ben")
    assert rm(ann, "accept-request", number, "--name", "Ben")[0] == 2
    done(ann, "say", "Ben", "come in")
    assert eventually(lambda: "come in" in done(ben, "show", "Ann"))
    done(ben, "find", "ann", "--directory", uri, "--name", "Ann again")
    assert eventually(lambda: json.loads(done(ann, "requests", "--json")))
    done(ann, "refuse", str(json.loads(done(ann, "requests", "--json"))[0]["number"]))
    assert "nobody waits" in done(ann, "requests")
    code, _, errors = rm(ben, "find", "ann", "--directory", uri)  # the day's number is reached
    assert (code, "no contact" in errors) == (2, True)
    assert "contacts are left" in done(ann, "names", "--look")
    left = json.loads(done(ben, "account", "--json"))["left"]
    assert sorted(left.values()) == [60, 61]
    head = tmp_path / "head.cbor"
    done(ben, "head", str(head), "--directory", uri)
    assert rm(ann, "find", "nobody", "--directory", uri, "--head", str(head))[0] == 2
    assert json.loads(done(ann, "unregister", "ann", "--directory", uri, "--json")) == {"taken_back": 3}
    assert "no name yet" in done(ann, "names")


@pytest.mark.slow
def test_a_directory_that_lies_ends_a_command_with_code_1(tmp_path: Path) -> None:  # DIR-15
    with Service(tmp_path, "both") as post:
        first = Service(tmp_path, "directory", settings={"COMMUNICATOR_DIRECTORY_MODE": "brokered"})
        second = Service(tmp_path, "directory", uri=first.uri)
        with first:
            assert first.stop() == 0
        shutil.copy(first.database.removeprefix("sqlite:///"), second.database.removeprefix("sqlite:///"))
        ben = tmp_path / "ben"
        done(ben, "init", "--service", post.uri)
        with first, second, first.client() as one, second.client() as other:
            for service, client in ((first, one), (second, other)):
                Person(service, "alex").register(client)
            words = ("find", "alex", "--directory", first.uri, "--via", second.base)
            code, _, errors = rm(ben, *words)
            assert (code, "do not believe it" in errors) == (1, True)
            code, out, _ = rm(ben, *words, "--json")
            assert (code, json.loads(out)["refused"]) == (1, "forged")
        assert json.loads(done(ben, "people", "--json")) == []


@pytest.mark.slow
def test_a_stranger_is_found_waits_and_is_let_in(place: Town, tmp_path: Path) -> None:  # DIR-11, PORT-15, PORT-16
    uri = place.directory.uri
    ann, ben = device(tmp_path / "ann", [place.post]), device(tmp_path / "ben", [place.post])
    with closing(ann, ben):
        assert ann.names.register(uri, "ann@example", place.name("ann@example"), keeps=4).left == 4
        ben.purses.open_account(place.issuer.uri, place.account())
        there = ben.finder.find(uri, "ann@example", "Ann", "may I?").relationship
        ben.say(there, "are you there?")
        go_on([ben, ann], lambda: len(ann.strangers.waiting()) == 1)
        (waiting,) = ann.strangers.waiting()
        assert [offer.data for offer in waiting.visitor.offers] == [b"may I?"]
        assert ann.history.people() == {}
        ann.turn()
        assert ann.post.is_empty(), "nothing leaves before the person agrees"
        ann.strangers.agree(waiting.relationship, "Ben")
        number = waiting.relationship
        assert texts(ann, number, own=False) == ["may I?"]
        ann.say(number, "come in")
        go_on([ann, ben], lambda: texts(ben, there, own=False) == ["come in"])
        assert ann.history.person(number).stage is Stage.TOGETHER
        assert ben.history.person(there).stage is Stage.TOGETHER
        assert ann.strangers.waiting() == []
        with pytest.raises(InputError) as caught:
            ann.strangers.agree(number, "Ben")
        assert caught.value.error_class is ErrorClass.UNKNOWN
