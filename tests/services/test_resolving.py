"""The process that resolves may die at any time, also before it has heard anything."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from communicator_impl.services.database import Database, migrate
from communicator_impl.services.resolving import ResolverApart


def test_a_service_starts_whose_resolver_is_dead_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start, dead = subprocess.Popen, list[int]()

    def stillborn(_: object, **options: Any) -> "subprocess.Popen[str]":  # noqa: ANN401 what it is started with
        process = start(("true",), **options)
        dead.append(process.wait())
        return process

    database = Database(f"sqlite:///{tmp_path}/service.sqlite3", 1)
    try:
        migrate(database)
        monkeypatch.setattr(subprocess, "Popen", stillborn)
        apart = ResolverApart(database)
        monkeypatch.undo()
        assert dead == [0]
        assert apart.step().rows == 0
        apart.stop()
    finally:
        database.close()
