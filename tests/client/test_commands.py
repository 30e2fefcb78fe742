"""`communicator rm`: what two people type, against a real service."""

import json
import time
from pathlib import Path

import pytest
from tests.services.running import Service
from typer.testing import CliRunner, Result

from communicator_impl.errors import CommunicatorError
from communicator_reports.cli import app

ENVIRONMENT = {"COMMUNICATOR_PASSPHRASE": "correct horse", "COMMUNICATOR_RECOVERY": "battery staple"}


def rm(store: Path, *words: str) -> str:
    """Run a command; return what it printed."""
    found = run(store, *words)
    assert found.exit_code == 0, (found.output, found.exception)
    return found.stdout


def run(store: Path, *words: str) -> Result:
    head, *rest = words
    return CliRunner().invoke(app, ["rm", head, *rest, "--store", str(store)], env=ENVIRONMENT)


def refusal(store: Path, *words: str) -> str:
    found = run(store, *words)
    assert isinstance(found.exception, CommunicatorError), found.output
    return found.exception.detail


def conversation(store: Path, name: str) -> list[str]:
    return [row["text"] for row in json.loads(rm(store, "show", name, "--json")) if row["from"] == "peer"]


@pytest.mark.slow
def test_two_people_at_two_terminals(tmp_path: Path) -> None:
    ann, ben = tmp_path / "ann", tmp_path / "ben"
    with Service(tmp_path, "both") as service:
        for store in (ann, ben):
            assert service.uri in rm(store, "init", "--service", service.uri)
        link = rm(ann, "invite", "Ben").strip()
        assert json.loads(rm(ben, "accept", link, "--name", "Ann", "--json")) == {"relationship": 0}
        rm(ben, "say", "Ann", "hello")
        for _ in range(100):
            if conversation(ann, "Ben") == ["hello"]:
                break
        assert conversation(ann, "ben") == ["hello"]
        assert rm(ann, "fingerprint", "Ben") == rm(ben, "fingerprint", "Ann", "--same")
        assert "verified, hybrid" in rm(ben, "people")
        rm(ann, "profile", "Ben", "--called", "Ann Example", "--pronouns", "she/her")
        rows = json.loads(rm(ann, "addresses", "Ben", "--json"))
        assert {row["kind"] for row in rows["own"]} == {"long-term", "short-lived"}
        assert f"via {service.uri}" in rm(ben, "show", "Ann", "--ways")
        rm(ben, "export", str(tmp_path / "messages.json"))
        assert "hello" in (tmp_path / "messages.json").read_text()
        rm(ben, "backup", str(tmp_path / "ben.backup"))
        again = tmp_path / "again"
        rm(again, "restore", str(tmp_path / "ben.backup"))
        assert not json.loads(rm(again, "people", "--json"))[0]["synchronised"]
        assert "not synchronised" in refusal(again, "say", "Ann", "too early")
        rm(ann, "end", "Ben", "--yes")
        assert "ended" in rm(ann, "people")
    assert "kept" in rm(ben, "say", "Ann", "nobody hears this")
    assert service.uri in rm(ben, "sync")


@pytest.mark.slow
def test_the_logs_of_two_people_are_judged_together(tmp_path: Path) -> None:
    stores = {"ann": ("0", "invite", "Ben"), "ben": ("1", "accept", "Ann")}
    with Service(tmp_path, "both", settings={"COMMUNICATOR_SERVICE_EVENT_LOG": "true"}) as service:

        def typed(name: str, *words: str) -> str:
            environment = ENVIRONMENT | {"COMMUNICATOR_EVENT_LOG": stores[name][0]}
            found = CliRunner().invoke(app, ["rm", *words, "--store", str(tmp_path / name)], env=environment)
            assert found.exit_code == 0, (found.output, found.exception)
            return found.stdout

        for name in stores:
            typed(name, "init", "--service", service.uri)
        link = typed("ann", "invite", "Ben", "--number", "0").strip()
        typed("ben", "accept", link, "--name", "Ann", "--number", "1")
        typed("ben", "say", "Ann", "hello")
        until = time.monotonic() + 60
        while "hello" not in typed("ann", "show", "Ben"):
            assert time.monotonic() < until
        logs = [tmp_path / f"{name}.jsonl" for name in (*stores, "service")]
        for name, log in zip(stores, logs, strict=False):
            log.write_text(typed(name, "log"))
    CliRunner().invoke(app, ["events", "export", str(logs[2]), "--database", service.database])
    judged = CliRunner().invoke(app, ["judge", *map(str, logs), "--profile", "label/1"])
    assert judged.exit_code == 0, judged.output
    assert "1 delivered" in judged.output
    assert "2 paired" in judged.output


def test_mistakes_are_said_and_change_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert "communicator rm init" in refusal(store, "people")
    assert "does not answer" in refusal(store, "init", "--service", "http://127.0.0.1:1")
    assert not store.exists()
    with Service(tmp_path, "both") as service:
        rm(store, "init", "--service", service.uri)
        assert "is there already" in refusal(store, "init", "--service", service.uri)
        assert "nobody is called Ben" in refusal(store, "say", "Ben", "hello")
        assert "begins with" in refusal(store, "accept", "https://ben.example", "--name", "Ben")
        link = rm(store, "invite", "Ben").strip()
        assert "copy all of it" in refusal(store, "accept", link[:-1] + "!", "--name", "Ben")
        assert run(store, "accept", link[:-8], "--name", "Ben").exception is not None
        wrong = CliRunner().invoke(
            app, ["rm", "people", "--store", str(store)], env={"COMMUNICATOR_PASSPHRASE": "x" * 9}
        )
        assert isinstance(wrong.exception, CommunicatorError)
        assert [row["stage"] for row in json.loads(rm(store, "people", "--json"))] == ["invited"]
