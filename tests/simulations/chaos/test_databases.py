"""Databases of a run at a server that is there: made for it, dropped after it, and nothing else is touched."""

import psycopg
from typer.testing import CliRunner

from communicator_reports.cli import app
from communicator_simulations.chaos.postgres import Existing, Postgres, reason_against


def names(url: str) -> set[str]:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database").fetchall()}


def test_a_run_leaves_a_server_as_it_was() -> None:
    with Postgres() as server:
        url = server.create("of_somebody")
        before = names(url)
        with Existing(url) as one, Existing(url) as other:
            mine, his = one.create("service_0"), other.create("service_0")
            assert len(names(url) - before) == 2
            held = psycopg.connect(mine.replace("+psycopg", ""))  # whoever still uses it
            assert mine != his
        held.close()
        assert names(url) == before
        assert not reason_against(url)
        assert names(url) == before
        assert reason_against(url + "_else")


def test_a_server_that_cannot_be_used_is_said_before_anything_runs() -> None:
    for wrong in ("postgresql://127.0.0.1:1/none", "://", "mysql"):
        found = CliRunner().invoke(app, ["chaos", "--database", wrong, "--kills", "0"])
        assert found.exit_code == 2, found.output
