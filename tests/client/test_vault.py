"""The encrypted store: what opens it, what does not, and what a file gives away."""

import resource
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from communicator_impl.client.vault import KeyFile, Passphrase, Vault
from communicator_impl.errors import CommunicatorError, InputError, OwnError
from communicator_spec import ErrorClass

KEY = KeyFile(bytes(range(32)))


def made(path: Path) -> Vault:
    vault = Vault.create(path, KEY)
    vault.save("a/1", b"very secret")
    return vault


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    made(tmp_path / "store").close()
    vault = Vault.open(tmp_path / "store", KEY)
    assert vault.load("a/1") == b"very secret"
    assert [*vault.keys("a/")] == ["a/1"]
    vault.delete("a/1")
    assert vault.load("a/1") is None
    vault.close()


def test_a_passphrase_opens_what_it_locked_and_can_be_changed(tmp_path: Path) -> None:
    vault = Vault.create(tmp_path / "store", Passphrase("correct horse"))
    vault.save("a", b"1")
    vault.change_secret(Passphrase("battery staple"))
    vault.close()
    for secret in (Passphrase("correct horse"), Passphrase("battery stapler")):
        with pytest.raises(InputError) as caught:
            Vault.open(tmp_path / "store", secret)
        assert caught.value.error_class is ErrorClass.FORGED
    with pytest.raises(InputError):
        Vault.open(tmp_path / "store", KEY)
    vault = Vault.open(tmp_path / "store", Passphrase("battery staple"))
    assert vault.load("a") == b"1"
    vault.close()


def test_a_file_gives_away_no_value_and_is_for_its_owner(tmp_path: Path) -> None:
    made(tmp_path / "store").close()
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o600


def test_a_store_that_is_there_is_never_made_anew(tmp_path: Path) -> None:
    made(tmp_path / "store").close()
    with pytest.raises(InputError):
        Vault.create(tmp_path / "store", KEY)
    Vault.open(tmp_path / "store", KEY).close()


@pytest.mark.parametrize("secret", [Passphrase("short"), KeyFile(b"too short"), Passphrase("")])
def test_a_weak_secret_makes_no_store(tmp_path: Path, secret: Passphrase) -> None:
    with pytest.raises(InputError):
        Vault.create(tmp_path / "store", secret)
    assert not (tmp_path / "store").exists()


def test_a_value_cannot_take_the_place_of_another(tmp_path: Path) -> None:
    vault = made(tmp_path / "store")
    vault.save("a/2", b"other")
    vault.close()
    with sqlite3.connect(tmp_path / "store") as connection:
        connection.execute("UPDATE kept SET value = (SELECT value FROM kept WHERE name = 'a/1') WHERE name = 'a/2'")
    connection.close()
    vault = Vault.open(tmp_path / "store", KEY)
    with pytest.raises(OwnError) as caught:
        vault.load("a/2")
    assert caught.value.error_class is ErrorClass.FORGED
    vault.close()


@pytest.mark.parametrize(
    ("change", "error_class"),
    [
        ("PRAGMA user_version = 2", ErrorClass.REFUSED),
        ("PRAGMA application_id = 1", ErrorClass.MALFORMED),
        ("DELETE FROM head WHERE name = 'salt'", ErrorClass.MALFORMED),
        ("UPDATE head SET value = x'3131' WHERE name = 'cost'", ErrorClass.REFUSED),
        ("DROP TABLE head", ErrorClass.MALFORMED),
    ],
)
def test_a_newer_or_damaged_store_is_refused_and_left_alone(
    tmp_path: Path, change: str, error_class: ErrorClass
) -> None:
    made(tmp_path / "store").close()
    with sqlite3.connect(tmp_path / "store") as connection:
        connection.execute(change)
    connection.close()
    before = (tmp_path / "store").read_bytes()
    with pytest.raises(CommunicatorError) as caught:
        Vault.open(tmp_path / "store", KEY)
    assert caught.value.error_class is error_class
    assert (tmp_path / "store").read_bytes() == before


@pytest.mark.parametrize("size", [0, 1, 100, 5000])
def test_what_is_no_store_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "store").write_bytes(b"x" * size)
    with pytest.raises(OwnError):
        Vault.open(tmp_path / "store", KEY)


def test_a_store_serves_one_process_at_a_time(tmp_path: Path) -> None:
    vault = made(tmp_path / "store")
    with pytest.raises(InputError) as caught:
        Vault.open(tmp_path / "store", KEY)
    assert "another program" in str(caught.value)
    vault.close()
    Vault.open(tmp_path / "store", KEY).close()


def test_together_is_all_or_nothing(tmp_path: Path) -> None:
    vault = made(tmp_path / "store")

    def fail() -> None:
        with vault.together():
            vault.save("a/1", b"changed")
            vault.save("a/2", b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (vault.load("a/1"), vault.load("a/2")) == (b"very secret", None)
    vault.close()


FULL = """
import resource, signal, sys
from pathlib import Path
from communicator_impl.client.vault import KeyFile, Vault
from communicator_impl.errors import OwnError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
vault = Vault.open(Path(sys.argv[1]), KeyFile(bytes(range(32))))
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, 1 << 18))
kept = 0
try:
    for number in range(1000):
        vault.save(f"big/{number:04}", bytes(10_000))
        kept += 1
except OwnError as error:
    print(kept, error.error_class.value)
"""


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    assert resource.RLIM_INFINITY
    made(tmp_path / "store").close()
    answer = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "store")], capture_output=True, text=True, check=True
    )
    kept, error_class = answer.stdout.split()
    assert 0 < int(kept) < 1000
    assert error_class == "limit"
    vault = Vault.open(tmp_path / "store", KEY)
    assert len([*vault.keys("big/")]) == int(kept)
    assert vault.load("a/1") == b"very secret"
    vault.close()
