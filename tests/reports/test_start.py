"""What a command loads before it does anything: people wait for it each time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from communicator_impl.client import KeyFile, Vault
from communicator_reports.cli import _COMMANDS
from communicator_reports.commands.later import loaded

HEAVY = {
    "altair", "alembic", "granian", "httpx", "hypothesis", "jinja2", "networkx", "numpy", "polars", "pyarrow", "scipy",
    "simpy", "sqlalchemy", "starlette", "textual",
}  # fmt: skip
WATCHED = """
import atexit, json, sys
from communicator_reports.cli import main
atexit.register(lambda: print(json.dumps([*sys.modules]), file=sys.stderr))
sys.argv[0] = "communicator"
main()
"""


def modules(*words: str) -> set[str]:
    """Run a command; return what it has loaded."""
    found = subprocess.run([sys.executable, "-c", WATCHED, *words], capture_output=True, text=True, check=True)
    return set(json.loads(found.stderr))


def test_people_are_listed_without_tables_charts_or_a_server(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(bytes(32))
    Vault.create(tmp_path / "store", KeyFile(bytes(32))).close()
    found = modules("rm", "people", "--store", str(tmp_path / "store"), "--key-file", str(tmp_path / "key"))
    assert "communicator_impl.client.device" in found
    assert not found & HEAVY


def test_the_list_of_commands_loads_none_of_them() -> None:
    found = modules("--help")
    assert "communicator_impl" not in found
    assert not found & HEAVY


@pytest.mark.parametrize("name", _COMMANDS)
def test_each_command_of_the_list_is_there(name: str) -> None:
    assert loaded(name).name == name
