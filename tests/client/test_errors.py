"""What goes wrong is said in one line that helps, with the exit code of everything that was not done; nothing is lost.

Two operators run for the whole module. Outputs are those of the program itself, and each is searched for what must not
be in it: keys, and what somebody wrote.
"""

import contextlib
import io
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from tests.client.small_post import Deaths, Host, World, WorldCourier
from tests.client.two_people import KEY, closing, device, go_on, texts
from tests.services.running import Service

from communicator_impl.client import Device, Vault
from communicator_impl.client.clocks import Clocks
from communicator_impl.client.records import Stage
from communicator_impl.errors import InputError
from communicator_reports import cli
from communicator_reports.commands.rm.meeting import DAYS_MAX
from communicator_spec import ErrorClass

DAY_MS: Final = 86_400_000
WRITTEN: Final = "the secret sentence"
NOWHERE: Final = "http://127.0.0.1:1"


class Said(NamedTuple):
    """What the program said, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Service]]:
    folder = tmp_path_factory.mktemp("post")
    with Service(folder, "both") as one, Service(folder, "both") as other:
        yield [one, other]
        for service in (one, other):
            check_silent(service.log.read_text())


@pytest.fixture
def desk(tmp_path: Path) -> "Desk":
    return Desk(tmp_path)


class Desk:
    """A folder with a key file, at which commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "key").write_bytes(KEY)

    def say(self, store: str, *words: str, key: str = "key") -> Said:
        """Run a command in this process, as the program does."""
        out, err, before = io.StringIO(), io.StringIO(), sys.argv
        places = ["--store", str(self.folder / store), "--key-file", str(self.folder / key)]
        sys.argv = ["communicator", "rm", words[0], *places, *words[1:]]
        code = 0
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.argv = before
        check_silent(err.getvalue())
        return Said(code, out.getvalue(), err.getvalue())

    def done(self, store: str, *words: str) -> str:
        found = self.say(store, *words)
        assert found.code == 0, found.err
        return found.out

    def refused(self, store: str, *words: str, key: str = "key") -> str:
        """Run a command that is refused: one line, exit code 2."""
        found = self.say(store, *words, key=key)
        assert found.code == 2
        assert found.err.startswith("communicator: ")
        assert found.err.count("\n") == 1
        return found.err


def check_silent(text: str) -> None:
    """Nothing that was written, and no key, is in it."""
    assert WRITTEN not in text
    assert KEY.hex() not in text
    assert "Bearer" not in text


def init(desk: Desk, store: str, post: Sequence[Service]) -> None:
    desk.done(store, "init", *(word for service in post for word in ("--service", service.uri)))


# -------------------------------------------------------------------- the store


def test_another_key_opens_nothing_and_changes_nothing(desk: Desk, post: list[Service]) -> None:
    init(desk, "ann", post)
    before = (desk.folder / "ann").read_bytes()
    (desk.folder / "other").write_bytes(bytes(32))
    assert "not that of this store" in desk.refused("ann", "people", key="other")
    assert (desk.folder / "ann").read_bytes() == before


def test_another_passphrase_opens_nothing(tmp_path: Path) -> None:
    words = ["rm", "people", "--store", str(tmp_path / "store")]
    command = [sys.executable, "-c", "from communicator_reports.cli import main; main()", *words]
    from communicator_impl.client import Passphrase

    Vault.create(tmp_path / "store", Passphrase("correct horse")).close()
    for passphrase, code in (("correct horse", 0), ("battery staple", 2)):
        environment = {**os.environ, "COMMUNICATOR_PASSPHRASE": passphrase}
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert found.returncode == code
        assert passphrase not in found.stderr
    assert "not that of this store" in found.stderr


@pytest.mark.parametrize("part", range(8))
def test_a_damaged_store_is_said_or_harmless_and_never_a_traceback(desk: Desk, post: list[Service], part: int) -> None:
    init(desk, "ann", post)
    desk.done("ann", "invite", "Ben")
    path = desk.folder / "ann"
    data = bytearray(path.read_bytes())
    begin = len(data) * part // 8
    data[begin : begin + 64] = bytes(byte ^ 0x55 for byte in data[begin : begin + 64])
    path.write_bytes(data)
    found = desk.say("ann", "people")
    assert found.code in (0, 2)
    if found.code:
        assert found.err.startswith("communicator: ")
        assert "Traceback" not in found.err
        assert path.read_bytes() == bytes(data)


def test_a_store_of_a_newer_version_is_left_to_it(desk: Desk, post: list[Service]) -> None:
    init(desk, "ann", post)
    with contextlib.closing(sqlite3.connect(desk.folder / "ann")) as connection:
        connection.execute("PRAGMA user_version = 2")
    before = (desk.folder / "ann").read_bytes()
    assert "newer version" in desk.refused("ann", "people")
    assert (desk.folder / "ann").read_bytes() == before


def test_two_commands_at_one_store_are_one_after_the_other(desk: Desk, post: list[Service]) -> None:
    init(desk, "ann", post)
    vault = Vault.open(desk.folder / "ann", KEY)
    try:
        assert "another program uses this store" in desk.refused("ann", "say", "Ben", WRITTEN)
    finally:
        vault.close()
    assert json.loads(desk.done("ann", "people", "--json")) == []


FULL: Final = """
import resource, sys
size = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
from communicator_reports.cli import main
main()
"""


def full(desk: Desk, size: int, *words: str) -> Said:
    """Run a command where no file may become longer than this."""
    assert size != resource.RLIM_INFINITY
    places = ["--store", str(desk.folder / "ann"), "--key-file", str(desk.folder / "key")]
    command = [sys.executable, "-c", FULL, str(size), "rm", words[0], *places, *words[1:]]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    check_silent(found.stderr)
    return Said(found.returncode, found.stdout, found.stderr)


def test_a_full_disk_is_said_and_what_was_there_stays(desk: Desk, post: list[Service]) -> None:
    init(desk, "ann", post)
    desk.done("ann", "invite", "Ben")
    found = full(desk, 4096, "invite", "Cem")
    assert (found.code, found.out) == (2, "")
    assert "disk is full" in found.err
    target = str(desk.folder / "messages.json")
    found = full(desk, 16, "export", target)
    assert found.code == 2
    assert not Path(target).exists()
    assert [row["name"] for row in json.loads(desk.done("ann", "people", "--json"))] == ["Ben"]
    desk.done("ann", "invite", "Cem")


# -------------------------------------------------------------------- services and clocks


def test_without_a_service_what_was_written_is_kept(desk: Desk, tmp_path: Path) -> None:
    assert "does not answer" in desk.refused("ann", "init", "--service", NOWHERE)
    assert not (desk.folder / "ann").exists()
    with Service(tmp_path, "both") as service:
        init(desk, "ann", [service])
        init(desk, "ben", [service])
        desk.done("ben", "accept", desk.done("ann", "invite", "Ben").strip(), "--name", "Ann")
    assert "kept" in desk.done("ben", "say", "Ann", WRITTEN)
    assert service.uri in desk.done("ben", "sync")
    (row,) = json.loads(desk.done("ben", "show", "Ann", "--json"))
    assert (row["text"], row["state"]) == (WRITTEN, "waiting")
    assert WRITTEN.encode() not in (desk.folder / "ben").read_bytes()


@pytest.mark.parametrize("days", [-1, 1])  # SEC-5
def test_a_clock_that_is_wrong_stops_a_device_until_it_is_right(tmp_path: Path, post: list[Service], days: int) -> None:
    ann, ben = device(tmp_path / "ann", post), device(tmp_path / "ben", post)
    number, contact = ann.invite("Ben")
    there = ben.approach("Ann", contact)
    ben.say(there, "before")
    go_on([ben, ann], lambda: texts(ann, number, own=False) == ["before"])
    ann.close()
    now_ms = ann.clock
    ann = Device(Vault.open(tmp_path / "ann", KEY), clock=lambda: now_ms() + days * DAY_MS)
    grants = ann.core.own_grants(number)
    ann.say(number, WRITTEN)
    ben.say(there, "meanwhile")
    ben.turn()
    assert ann.turn().arrived == 0
    assert ann.clocks.off is not None
    assert f"24 hours {'ahead of' if days > 0 else 'behind'}" in ann.clocks.lines()[0]
    with pytest.raises(InputError) as caught:
        ann.invite("Cem")
    assert caught.value.error_class is ErrorClass.REFUSED
    assert ann.core.own_grants(number) == grants
    ann.close()
    ann = device(tmp_path / "ann")
    with closing(ann, ben):
        go_on([ann, ben], lambda: texts(ben, there, own=False) == [WRITTEN])
        go_on([ann, ben], lambda: texts(ann, number, own=False) == ["before", "meanwhile"])
        assert ann.clocks.lines() == []


def test_one_service_with_a_wrong_clock_is_told_of_and_stops_nobody(desk: Desk, post: list[Service]) -> None:
    ahead = {"COMMUNICATOR_PACE": "1@0+86400"}
    with Service(desk.folder, "both", settings=ahead) as wrong:
        init(desk, "ann", [post[0], wrong])
        found = desk.say("ann", "invite", "Ben")
        assert found.code == 0, found.err
        assert f"the clock of {wrong.uri} is 24 hours ahead" in found.err
        init(desk, "ben", [wrong])
        assert "24 hours behind" in desk.refused("ben", "invite", "Ann")
    assert json.loads(desk.done("ben", "people", "--json")) == []


# -------------------------------------------------------------------- invitations


def test_a_link_that_has_ended_is_said(post: list[Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, ben = device(tmp_path / "ann", post), device(tmp_path / "ben", post)
    contacts = [ann.invite(f"Ben {days}", lifetime_s=days * 86_400)[1] for days in (1, 7)]
    ann.close()
    monkeypatch.setattr(Clocks, "check", lambda _: None)
    now_ms = ben.clock
    ben.clock = lambda: now_ms() + 3 * DAY_MS
    with closing(ben):
        with pytest.raises(InputError) as caught:
            ben.approach("Ann", contacts[0])
        assert caught.value.error_class is ErrorClass.EXPIRED
        assert "ask for a new one" in caught.value.line
        assert ben.history.people() == {}
        ben.approach("Ann", contacts[1])


@pytest.mark.parametrize("days", [0, DAYS_MAX + 1])
def test_a_link_lives_within_the_limits_of_the_standard(desk: Desk, post: list[Service], days: int) -> None:
    init(desk, "ann", post)
    assert desk.say("ann", "invite", "Ben", "--days", str(days)).code == 2
    desk.done("ann", "invite", "Ben", "--days", str(DAYS_MAX))
    assert len(json.loads(desk.done("ann", "people", "--json"))) == 1


def test_a_link_is_used_once_by_one_person_and_never_by_its_maker(desk: Desk, post: list[Service]) -> None:
    init(desk, "ann", post)
    init(desk, "ben", post)
    link = desk.done("ann", "invite", "Ben").strip()
    assert "link of your own" in desk.refused("ann", "accept", link, "--name", "Me")
    desk.done("ben", "accept", link, "--name", "Ann")
    assert "used this link already" in desk.refused("ben", "accept", link, "--name", "Ann again")
    assert len(json.loads(desk.done("ben", "people", "--json"))) == 1
    changed = link[:60] + ("A" if link[60] != "A" else "B") + link[61:]
    assert "link" in desk.refused("ben", "accept", changed, "--name", "Ann")


def test_who_comes_second_with_a_link_is_nobody(tmp_path: Path, post: list[Service]) -> None:
    ann, ben, cem = (device(tmp_path / name, post) for name in ("ann", "ben", "cem"))
    with closing(ann, ben, cem):
        number, contact = ann.invite("Ben")
        at_ben, at_cem = ben.approach("Ann", contact), cem.approach("Ann", contact)
        ben.say(at_ben, "it is me")
        go_on([ben, ann], lambda: texts(ann, number, own=False) == ["it is me"])
        cem.say(at_cem, WRITTEN)
        ann.say(number, "hello Ben")
        go_on([cem, ann, ben], lambda: texts(ben, at_ben, own=False) == ["hello Ben"])
        assert texts(ann, number, own=False) == ["it is me"]
        assert cem.history.person(at_cem).stage is Stage.ANSWERED
        assert [m.state.value for _, _, m in cem.history.messages(at_cem)] == ["waiting"]


# -------------------------------------------------------------------- backups


def test_what_is_no_backup_of_ones_own_makes_no_store(
    desk: Desk, post: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    init(desk, "ann", post)
    target = str(desk.folder / "ann.backup")
    monkeypatch.setenv("COMMUNICATOR_RECOVERY", "correct horse")
    desk.done("ann", "backup", target)
    monkeypatch.setenv("COMMUNICATOR_RECOVERY", "battery staple")
    assert "not that of" in desk.refused("next", "restore", target)
    (desk.folder / "half").write_bytes(Path(target).read_bytes()[:-100])
    (desk.folder / "else").write_bytes(b"something else")
    for name in ("half", "else"):
        assert "no backup" in desk.refused("next", "restore", str(desk.folder / name))
    assert not (desk.folder / "next").exists()
    monkeypatch.setenv("COMMUNICATOR_RECOVERY", "correct horse")
    assert "is there already" in desk.refused("ann", "restore", target)
    desk.done("next", "restore", target)


def test_an_old_backup_may_be_restored_twice(tmp_path: Path) -> None:
    world = World()
    ann, ben = Host(tmp_path / "ann", world, "ann"), Host(tmp_path / "ben", world, "ben")

    def wait(*devices: Device, hours: int = 4) -> None:
        for _ in range(12 * hours):
            for one in devices:
                one.turn()
            world.post()
            world.now_ms += 300_000

    _, contact = ann.device.invite("Ben")
    ben.device.approach("Ann", contact)
    ben.say(0, "one")
    wait(ben.device, ann.device)
    ann.say(0, "first")
    wait(ben.device, ann.device)
    ann.close()
    expected = ["first"]
    for life in ("again", "once more"):
        shutil.copy(tmp_path / "ann", tmp_path / life)
        courier, draws = WorldCourier(world, Deaths()), world.entropy.fork(life)
        restored = Device(Vault.open(tmp_path / life, KEY), courier=courier, entropy=draws, clock=lambda: world.now_ms)
        restored.turn(wakes=False)
        restored.restored()
        wait(
            restored, ben.device, hours=4 if life == "again" else 30
        )  # its first attempt goes where the other one went
        restored.say(0, life)
        ben.say(0, f"to {life}")
        wait(restored, ben.device)
        expected.append(life)
        assert texts(ben.device, 0, own=False) == expected
        assert texts(restored, 0, own=False)[-1] == f"to {life}"
        assert {m.state.value for own, _, m in ben.device.history.messages(0) if own} == {"delivered"}
        restored.close()
    ben.close()
