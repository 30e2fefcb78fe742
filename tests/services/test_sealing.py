"""Secret keys in a database are sealed with a key from outside it, and nobody starts with another one."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update
from tests.impl.issuing import signer
from tests.services.running import Service

from communicator_impl.addresses import Profile
from communicator_impl.entropy import SystemEntropy
from communicator_impl.services import directory_log
from communicator_impl.services.authorization_schema import issuer_keys
from communicator_impl.services.authorization_store import AuthorizationStore
from communicator_impl.services.database import Database, migrate, settle_secrets
from communicator_impl.services.generations import current_schedule
from communicator_impl.services.kept import held_secret
from communicator_impl.services.schema import kept
from communicator_impl.services.sealing import Sealer, read_key
from communicator_impl.services.settings import SettingsError
from communicator_impl.tokens import Purpose

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
ENTROPY = SystemEntropy()
Secrets = dict[str, bytes]


def secrets_of(connection: Connection) -> Secrets:
    """Return what the services read, each made where there is none."""
    profiles = (Profile.TWO_LAYER, Profile.LABEL)
    schedule = current_schedule(connection, "https://rs.example", profiles, 1_000_000, 1_800_000_000, ENTROPY)
    secret = held_secret(connection, "secret", ENTROPY.draw("secret", 32))
    made = iter(range(100))
    store = AuthorizationStore({Purpose.SUBMIT: 1}, ENTROPY, lambda _: signer(next(made)))
    store.wake(connection, 1_800_000_000)
    order = store.keys(connection, 1_800_000_000)
    names = {f"issuer {n}": key.key.encode() for n, key in enumerate(order)}
    seed = directory_log.locked(connection, ENTROPY).seed
    return {"schedule": schedule.to_bytes(), "secret": secret, "directory": seed, **names}


def stored(connection: Connection) -> list[bytes]:
    plain = select(kept.c.value).where(kept.c.name.in_(("schedule", "secret", "directory key")))
    return [*connection.execute(plain).scalars(), *connection.execute(select(issuer_keys.c.own)).scalars()]


def at(url: str, key: bytes, work: Callable[[Connection], object]) -> object:
    database = Database(url, 2, key=key)
    try:
        migrate(database)
        settle_secrets(database)
        return database.transact(work)
    finally:
        database.close()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/service.sqlite3"


def test_plain_secrets_are_sealed_at_the_first_start_with_a_key(url: str, tmp_path: Path) -> None:
    before = at(url, b"", secrets_of)
    rows = at(url, b"", stored)
    assert isinstance(rows, list)
    assert len(rows) > 4
    assert at(url, KEY, secrets_of) == before
    sealed = at(url, KEY, stored)
    assert isinstance(sealed, list)
    assert not set(sealed) & set(rows)
    on_disk = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert not [row for row in rows if row in on_disk]
    assert at(url, KEY, stored) == sealed, "what is sealed stays as it is"


def test_what_is_made_under_a_key_is_sealed_at_once(url: str, tmp_path: Path) -> None:
    made = at(url, KEY, secrets_of)
    assert isinstance(made, dict)
    on_disk = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert made["directory"] not in on_disk
    assert made["secret"] not in on_disk


@pytest.mark.parametrize(("key", "says"), [(b"", "name the file"), (OTHER, "not the key")])
def test_with_no_key_or_another_nothing_starts_and_nothing_changes(url: str, key: bytes, says: str) -> None:
    made, before = at(url, KEY, secrets_of), at(url, KEY, stored)
    with pytest.raises(SettingsError, match=says):
        at(url, key, secrets_of)
    assert at(url, KEY, stored) == before
    assert at(url, KEY, secrets_of) == made


def test_a_row_cannot_stand_in_for_another(url: str) -> None:
    def swap(connection: Connection) -> None:
        value = connection.execute(select(kept.c.value).where(kept.c.name == "secret")).scalar_one()
        connection.execute(update(kept).where(kept.c.name == "directory key").values(value=value))

    at(url, KEY, secrets_of)
    at(url, KEY, swap)
    with pytest.raises(SettingsError):
        at(url, KEY, secrets_of)


def test_a_key_is_32_bytes_or_64_digits(tmp_path: Path) -> None:
    file = tmp_path / "key"
    for data in (KEY, KEY.hex().encode(), KEY.hex().encode() + b"\n"):
        file.write_bytes(data)
        assert read_key(str(file)) == KEY
    for data in (b"", KEY[:31], b"zz" * 32, KEY.hex().encode()[:-2], b"\xff" * 33):
        file.write_bytes(data)
        with pytest.raises(SettingsError, match="64 hexadecimal digits"):
            read_key(str(file))
    assert read_key("") == b""


def test_two_seals_of_one_secret_differ() -> None:
    sealer = Sealer(KEY)
    assert sealer.seal("a", b"same") != sealer.seal("a", b"same")
    assert "same" not in repr(sealer)


def test_a_running_service_resolves_with_sealed_keys_and_refuses_another_file(tmp_path: Path) -> None:
    from tests.services.owning import TwoLayerOwner, accept, body, config_of, settled

    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "other").write_bytes(OTHER)
    plain = Service(tmp_path, "receiving").start()
    with plain.client() as client:
        owner = TwoLayerOwner(config_of(client, plain.uri)).register(client)
    assert plain.stop() == 0
    named = {"COMMUNICATOR_DATABASE_KEY_FILE": str(tmp_path / "key")}
    sealed = Service(tmp_path, "receiving", database=plain.database, uri=plain.uri, settings=named)
    with sealed, sealed.client() as client:
        assert accept(client, owner.request(0, body(0))) == 202
        assert len(settled(client, owner, 1)) == 1
    command = (sys.executable, "-c", "from communicator_reports.cli import main; main()", "serve", "receiving")
    wrong = {"COMMUNICATOR_DATABASE_KEY_FILE": str(tmp_path / "other"), "COMMUNICATOR_DATABASE_URL": plain.database}
    wrong["COMMUNICATOR_SERVICE_LISTEN_PORT"] = str(plain.port)
    ended = subprocess.run(command, env=os.environ | wrong, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2, ended.stderr
    assert "not the key" in ended.stderr
    assert "Traceback" not in ended.stderr
