"""`communicator rm shell`: a device that stays does what its owner types, one line after another."""

import json
from pathlib import Path

from tests.services.running import Service
from typer.testing import CliRunner

from communicator_reports.cli import app

ENVIRONMENT = {"COMMUNICATOR_PASSPHRASE": "correct horse"}


def typed(store: Path, lines: str, *options: str) -> str:
    found = CliRunner().invoke(app, ["rm", "shell", "--store", str(store), *options], input=lines, env=ENVIRONMENT)
    assert found.exit_code == 0, (found.output, found.exception)
    return found.stdout


def test_lines_are_commands_until_the_input_ends(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with Service(tmp_path, "both") as service:
        made = CliRunner().invoke(app, ["rm", "init", "--store", str(store), "--service", service.uri], env=ENVIRONMENT)
        assert made.exit_code == 0, made.output
        lines = "invite Ben\n\npeople --json\nsay Cleo hello\nsay 'Ben\nwatch\npeople --wrong\n"
        done = [json.loads(line) for line in typed(store, lines, "--json").splitlines()]
        assert [(one["line"], one["code"]) for one in done] == [
            ("invite Ben", 0), ("people --json", 0), ("say Cleo hello", 2), ("say 'Ben", 2), ("watch", 2),
            ("people --wrong", 2),
        ]  # fmt: skip
        assert done[0]["output"].startswith("communicator:contact/")
        assert [row["stage"] for row in json.loads(done[1]["output"])] == ["invited"]
        assert "nobody is called Cleo" in done[2]["output"]
        assert "--wrong" in done[5]["output"]
        assert "Ben  (invited" in typed(store, "people\n")
