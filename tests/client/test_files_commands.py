"""Files, pictures, reading and leaving as two people type them, against real services and with a real kill."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.client.two_people import KEY, closing, go_on, texts
from tests.patience import PATIENCE_S, eventually
from tests.services.running import Service
from typer.testing import CliRunner

from communicator_impl.client import Device, Vault
from communicator_impl.client.records import State
from communicator_impl.errors import CommunicatorError
from communicator_impl.pace import Pace
from communicator_reports.cli import app

NAMED = {"COMMUNICATOR_RECEIVING_NAMED_ADDRESSES": '["127.0.0.1"]'}
TIMES = 50_000
"""A day in less than two seconds, for what takes days."""


class Terminals:
    """Ann and Ben, who know each other, at two services."""

    def __init__(self, folder: Path, one: Service, other: Service) -> None:
        self.folder, self.one, self.other = folder, one, other
        self.key = folder / "key"
        self.lake = folder / "lake.jpg"
        self.lake.write_bytes(os.urandom(100_000))

    def words(self, who: str, *words: str) -> list[str]:
        return ["rm", *words, "--store", str(self.folder / who), "--key-file", str(self.key)]

    def rm(self, who: str, *words: str) -> str:
        found = CliRunner().invoke(app, self.words(who, *words))
        assert found.exit_code == 0, (found.output, found.exception)
        return found.stdout

    def rows(self, who: str, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.rm(who, *words, "--json"))
        return found

    def refusal(self, who: str, *words: str) -> str:
        found = CliRunner().invoke(app, self.words(who, *words))
        assert isinstance(found.exception, CommunicatorError), found.output
        return found.exception.detail

    def message(self, who: str, name: str, text: str) -> dict[str, Any]:
        """Wait for a message of the peer."""

        def look() -> list[dict[str, Any]]:
            self.rm("ben" if who == "ann" else "ann", "sync")
            return [row for row in self.rows(who, "show", name) if row["from"] == "peer" and row["text"] == text]

        return eventually(look)[0]

    def uploads(self) -> int:
        """Count what the services store."""
        counted = 0
        for service in (self.one, self.other):
            with sqlite3.connect(service.database.removeprefix("sqlite:///"), timeout=PATIENCE_S) as connection:
                counted += connection.execute("SELECT count(*) FROM uploads WHERE name IS NOT NULL").fetchone()[0]
            connection.close()
        return counted


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminals]:
    folder = tmp_path_factory.mktemp("two")
    with Service(folder, "both", settings=NAMED) as one, Service(folder, "both", settings=NAMED) as other:
        t = Terminals(folder, one, other)
        for who in ("ann", "ben"):
            t.rm(who, "init", "--service", one.uri, "--service", other.uri)
        link = t.rm("ann", "invite").strip()
        t.rm("ben", "accept", link, "--name", "Ann")
        t.rm("ben", "say", "Ann", "hello")
        t.message("ann", "0", "hello")
        yield t


@pytest.mark.slow
def test_a_file_comes_by_a_service_of_the_person(two: Terminals, tmp_path: Path) -> None:
    said = json.loads(two.rm("ben", "say", "Ann", "the lake", "--attach", str(two.lake), "--json"))
    assert {place["uri"].partition("/v1/")[0] for place in said["files"][0]["places"]} == {two.one.uri, two.other.uri}
    (file,) = two.message("ann", "0", "the lake")["files"]
    assert (file["name"], file["type"], file["length"]) == ("lake.jpg", "image/jpeg", 100_000)
    listed = json.loads(two.rm("ann", "files", "0", "--json"))
    assert file in listed["files"]
    assert not {"key", "digest"} & {*file, *file["places"][0]}
    (got,) = two.rows("ann", "fetch", "0", file["file"], "--to", str(tmp_path))
    assert (got["path"], got["by"]) == (str(tmp_path / "lake.jpg"), two.one.uri)
    assert (tmp_path / "lake.jpg").read_bytes() == two.lake.read_bytes()
    (got,) = two.rows("ann", "fetch", "0", file["file"].partition(".")[0], "--to", str(tmp_path))
    assert got["path"] == str(tmp_path / "lake (2).jpg")
    assert "there is no file 99" in two.refusal("ann", "fetch", "0", "99")
    assert "is no file" in two.refusal("ben", "say", "Ann", "x", "--attach", str(tmp_path))
    assert "send several" in two.refusal("ben", "say", "Ann", "x", *["--attach", str(two.lake)] * 8)
    assert "at most 8" in two.refusal("ben", "say", "Ann", "x", *["--attach", str(two.lake)] * 9)
    with (tmp_path / "large").open("wb") as large:
        large.truncate(5_000_000)
    assert "your sending services take 4193272" in two.refusal("ben", "say", "Ann", "x", "--attach", large.name)


@pytest.mark.slow
def test_a_person_shows_name_pronouns_and_picture(two: Terminals, tmp_path: Path) -> None:
    assert "is no picture" in two.refusal("ben", "profile", "Ann", "--called", "B", "--picture", str(two.key))
    told = ("--called", "Ben\x1b[2J", "--pronouns", "he/him", "--picture", str(two.lake))
    two.rm("ben", "profile", "Ann", *told)
    (row,) = eventually(lambda: two.rows("ann", "people"), lambda rows: two.rm("ann", "sync") and rows[0]["picture"])
    assert (row["name"], row["calls_itself"], row["pronouns"]) == ("Ben\ufffd[2J", "Ben\ufffd[2J", "he/him")
    (picture,) = [f for f in json.loads(two.rm("ann", "files", "0", "--json"))["files"] if f["picture"]]
    (got,) = two.rows("ann", "fetch", "0", str(picture["file"]), "--to", str(tmp_path))
    assert Path(str(got["path"])).read_bytes() == two.lake.read_bytes()
    assert two.rm("ann", "name", "0", "Ben").strip() == "Ben"
    assert "Ben, Ben\ufffd[2J, he/him, with a picture" in two.rm("ann", "people")
    two.rm("ann", "name", "Ben", "")


@pytest.mark.slow
def test_a_client_that_is_killed_while_it_stores_files_goes_on(two: Terminals, tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.bin" for n in range(4)]
    for file in files:
        file.write_bytes(os.urandom(50_000))
    before = two.uploads()
    attached = [word for file in files for word in ("--attach", str(file))]
    program = (sys.executable, "-c", "from communicator_reports.cli import main; main()")
    sending = subprocess.Popen([*program, *two.words("ben", "say", "Ann", "four", *attached)])
    until_s = time.monotonic() + PATIENCE_S
    while two.uploads() == before and time.monotonic() < until_s:
        time.sleep(0.005)
    sending.kill()
    assert sending.wait() == -9
    assert before < two.uploads() < before + 8  # it was killed in the midst
    for file in files:
        file.unlink()
    two.rm("ben", "sync")
    assert two.uploads() == before + 8  # nothing was stored twice
    message = two.message("ann", "0", "four")
    assert len(message["files"]) == 4
    assert two.rm("ben", "show", "Ann").count("four") == 1


@pytest.mark.slow
def test_a_file_is_fetched_from_the_place_that_is_left(two: Terminals, tmp_path: Path) -> None:
    two.rm("ben", "say", "Ann", "again", "--attach", str(two.lake))
    (file,) = two.message("ann", "0", "again")["files"]
    two.other.kill()
    (got,) = two.rows("ann", "fetch", "0", file["file"], "--to", str(tmp_path))
    assert Path(str(got["path"])).read_bytes() == two.lake.read_bytes()
    two.one.kill()
    assert "--directly" in two.refusal("ann", "fetch", "0", file["file"], "--to", str(tmp_path))
    assert "--ask" in two.refusal("ann", "fetch", "0", file["file"], "--to", str(tmp_path), "--directly")
    (asked,) = two.rows("ann", "fetch", "0", file["file"], "--to", str(tmp_path), "--directly", "--ask")
    assert (asked["path"], type(asked["asked"])) == (None, int)
    assert [path.name for path in tmp_path.iterdir()] == ["lake.jpg"]
    assert "sent when its files" in two.rm("ben", "say", "Ann", "later", "--attach", str(two.lake))
    assert "waits until its files are stored" in two.rm("ben", "show", "Ann")
    for service in (two.one, two.other):
        service.start()
    eventually(lambda: two.rm("ben", "sync") and two.rows("ben", "show", "Ann"), lambda rows: "draft" not in rows[-1])
    please = "Please send me lake.jpg (image/jpeg, 100 KB) again: it cannot be fetched any more."
    assert two.message("ben", "Ann", please)["state"] == "received"


@pytest.mark.slow
def test_leaving_and_reading_take_days_and_are_seen(tmp_path: Path) -> None:
    pace = Pace(TIMES, time.time_ns())
    settings = {"COMMUNICATOR_PACE": pace.text()}

    def clock() -> int:
        return pace.of(time.time_ns()) // 1_000_000

    def device(name: str) -> Device:
        return Device(Vault.create(tmp_path / name, KEY), clock=clock)

    with Service(tmp_path, "both", settings=settings) as old, Service(tmp_path, "both", settings=settings) as new:
        ann, ben = device("ann"), device("ben")
        with closing(ann, ben):
            ann.use([old.uri], [old.uri, new.uri])
            ben.use([new.uri], [old.uri, new.uri])
            number, contact = ann.invite("Ben")
            there = ben.approach("Ann", contact)
            ben.say(there, "hello")
            go_on([ben, ann], lambda: texts(ann, number, own=False) == ["hello"])
            ann.say(number, "welcome")
            ann.tell_read(number, on=True)
            ann.read(number)
            ann.replace_receiving(old.uri, new.uri, leave=True)
            (row,) = ann.departures.progress()
            assert (row.uri, row.waiting, row.until_s > clock() // 1000 + 300 * 86_400) == (old.uri, 1, True)
            go_on([ann, ben], lambda: [r.confirmed for r in ann.departures.progress()] == [1])
            go_on([ann, ben], lambda: ann.departures.progress() == [])
            go_on([ann, ben], lambda: [m.state for own, _, m in ben.history.messages(there) if own] == [State.SEEN])
            ben.say(there, "still here?")
            go_on([ben, ann], lambda: "still here?" in texts(ann, number, own=False))
