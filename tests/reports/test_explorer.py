"""The explorer shows a whole run, one message, and with the eyes of an observer only what that observer saw."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from tests.patience import PATIENCE_S, eventually

from communicator_model.faults import FaultKind
from communicator_reports.explorer.eyes import Eyes, seen
from communicator_reports.explorer.following import candidates, story
from communicator_reports.explorer.logs import ExploreError, LoadedRun, loaded
from communicator_reports.explorer.pages import application
from communicator_reports.figures.sequence import failover
from communicator_reports.figures.topology import topology
from communicator_simulations.runs import RunKey, model_fidelity, record
from communicator_simulations.scenario import load_scenario
from communicator_simulations.sweep import plan, supplies_for
from communicator_spec.events import NONE, Event, Kind, peer_of
from communicator_spec.views import Role

_PEOPLE, _DAYS, _SEED = 12, 2.0, 7


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The event log of a small run in which a provider dies."""
    from msgspec.structs import replace

    scenario = load_scenario("migration")
    small = replace(scenario, people=replace(scenario.people, count=_PEOPLE, days=_DAYS))
    found = plan(small, _SEED, None, None, synthetic=True)
    path = tmp_path_factory.mktemp("run") / "death.parquet"
    key = RunKey("two", FaultKind.DEATH, 0)
    record(path, small, _SEED, supplies_for(found, 0), key, model_fidelity(small.profile))
    return path


@pytest.fixture(scope="module")
def run(log: Path) -> LoadedRun:
    return loaded(log)


def answered(run: LoadedRun, path: str, host: str = "127.0.0.1", **words: str | int) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(application(run))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return await client.get(path, params=words)

    return asyncio.run(asked())


def test_a_message_is_followed_through_devices_services_and_addresses(run: LoadedRun) -> None:
    end, message = next(c[:2] for c in candidates(run.rows) if c[2] > 1 and c[3] >= 0)
    found = [run.rows[n] for n in story(run.rows, end, message)]
    kinds = [Kind(row.kind) for row in found]
    assert kinds[0] is Kind.ACCEPTED
    assert {Kind.SENT, Kind.STORED, Kind.FORWARDED, Kind.CONFIRMED, Kind.DELIVERED, Kind.ACKNOWLEDGED} <= set(kinds)
    assert {row.end for row in found if row.end != NONE} == {end, peer_of(end)}
    spent = {(row.service, row.serial, row.position) for row in found if row.kind == Kind.SENT}
    assert {(row.service, row.serial, row.position) for row in found if row.kind == Kind.STORED} <= spent


def test_stories_of_all_messages_share_no_event_but_faults(run: LoadedRun) -> None:
    owner: dict[int, tuple[int, int]] = {}
    written = [(row.end, row.message) for row in run.rows if row.kind == Kind.ACCEPTED]
    assert len(written) > 80
    for key in written:
        for n in story(run.rows, *key):
            if run.rows[n].kind not in (Kind.CRASHED, Kind.RECOVERED, Kind.DIED, Kind.GAVE_UP, Kind.FORWARDED):
                assert owner.setdefault(n, key) == key


@pytest.mark.parametrize(
    ("role", "kinds", "hidden"),
    [
        (Role.SENDING, {Kind.SENT, Kind.FORWARDED, Kind.GAVE_UP}, {"end", "message", "serial", "position", "value"}),
        (Role.RECEIVING, {Kind.STORED, Kind.CONFIRMED, Kind.ISSUED, Kind.REFUSED, Kind.INJECTED}, {"message"}),
        (Role.NETWORK, {Kind.SENT, Kind.FORWARDED, Kind.CONFIRMED}, {"end", "message", "serial", "position", "value"}),
        (Role.CORRESPONDENT, {Kind.SENT, Kind.DELIVERED, Kind.ACKNOWLEDGED, Kind.PAIRED}, set()),
    ],
)
def test_eyes_see_what_a_role_is_shown_and_nothing_else(
    run: LoadedRun, role: Role, kinds: set[Kind], hidden: set[str]
) -> None:
    number = {Role.SENDING: 6, Role.RECEIVING: 2, Role.CORRESPONDENT: 3, Role.NETWORK: NONE}[role]
    known = [row for event in run.rows if (row := seen(Eyes(role, number), event, run.owners)) is not None]
    assert kinds <= {Kind(row.kind) for row in known}
    assert all(getattr(row, name) == NONE for row in known for name in hidden)
    if role is Role.SENDING:
        assert {row.via for row in known} == {number}
    if role is Role.RECEIVING:
        assert {row.service for row in known} == {number}
    if role is Role.CORRESPONDENT:
        assert {run.owners[row.end] for row in known} == {number}


def test_events_are_filtered_and_only_this_machine_is_answered(run: LoadedRun) -> None:
    sent = answered(run, "/events", kinds="SENT", via=6).json()
    assert sent["total"] == sum(1 for row in run.rows if row.kind == Kind.SENT and row.via == 6) > 0
    late = answered(run, "/events", from_h=30, to_h=31).json()
    assert all(30 * 3.6e6 <= row["t_ms"] <= 31 * 3.6e6 for row in late["rows"])
    assert answered(run, "/events", eyes="sending service:6", end=1).json()["total"] == 0
    assert answered(run, "/events", eyes="the devil").status_code == 400
    assert answered(run, "/events", end="x").status_code == 400
    assert answered(run, "/story").status_code == 400
    assert answered(run, "/run", host="evil.example").status_code == 400
    assert "default-src 'none'" in answered(run, "/").headers["content-security-policy"]


def test_a_run_that_cannot_be_looked_into_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.parquet").write_bytes(b"x")
    for path, complaint in (
        (tmp_path / "odd.parquet", "not the event log"),
        (tmp_path / "none", "communicator simulate"),
    ):
        with pytest.raises(ExploreError, match=complaint):
            loaded(path)
    (tmp_path / "events").mkdir()
    for name in ("a", "b"):
        (tmp_path / "events" / f"{name}.parquet").touch()
    with pytest.raises(ExploreError, match="2 runs"):
        loaded(tmp_path)


def test_logs_of_live_places_are_a_run(tmp_path: Path) -> None:
    lines = [
        {"at_us": 1_000, "t_ms": 1, "kind": "PAIRED", "end": 0, "value": 4},
        {"root": "6f" * 16, "end": 1},
        {"at_us": 2_000, "t_ms": 2, "kind": "SENT", "end": 0, "message": 0, "service": "https://r.example", "serial": 1,
         "position": 0, "via": "https://s.example", "value": 0},
        {"at_us": 3_000, "t_ms": 3, "kind": "TAKEN", "message": 77, "service": "https://r.example"},
        {"at_us": 4_000, "t_ms": 4, "kind": "STORED", "root": "6f" * 16, "message": 77, "service": "https://r.example",
         "serial": 1, "position": 0},
    ]  # fmt: skip
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = loaded(tmp_path)
    assert run.owners == {0: 4}
    assert "https://s.example" in run.services.values()
    assert [Kind(run.rows[n].kind).name for n in story(run.rows, 0, 0)] == ["SENT", "TAKEN", "STORED"]


def test_figures_are_drawn_from_the_log(run: LoadedRun) -> None:
    chart, graph = failover(run.rows, "kept.parquet"), topology(run.rows, "kept.parquet")
    assert chart is not None
    assert graph is not None
    said = json.dumps(chart.panels[0].spec)
    assert "gives up" in said or "is gone for good" in said
    assert "a person reads" in said
    assert failover([row for row in run.rows if row.kind != Kind.SENT], "") is None
    assert topology([Event(0, Kind.DIED, service=1)], "") is None


@pytest.fixture
def address(log: Path) -> Iterator[str]:
    """The address of the command, started as people start it."""
    program = [
        sys.executable,
        "-c",
        "from communicator_reports.cli import main; main()",
        "explore",
        str(log),
        "--port",
        "0",
    ]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.match(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        yield found[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_a_reader_filters_follows_and_changes_eyes_in_the_browser(
    browser: webdriver.Chrome, address: str, run: LoadedRun
) -> None:
    def data(name: str) -> str | None:
        found: str | None = browser.execute_script(f"return document.documentElement.dataset.{name}")
        return found

    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.get(address)
    assert eventually(lambda: data("turn"))
    count = browser.find_element(By.ID, "count")
    assert count.text.endswith(f"of {len(run.rows)}")
    Select(browser.find_element(By.NAME, "kinds")).select_by_value("SENT")
    sent = sum(1 for row in run.rows if row.kind == Kind.SENT)
    assert eventually(lambda: count.text.endswith(f"of {sent}"))
    browser.find_element(By.CSS_SELECTOR, "tbody tr[data-follow]").click()
    assert eventually(lambda: data("followed"))
    assert browser.find_elements(By.CSS_SELECTOR, "#chart svg .mark-rule line")
    whole = int(browser.find_element(By.ID, "told").text.split(": ")[1].split()[0])
    via = browser.find_element(By.CSS_SELECTOR, "tbody tr[data-follow] td:nth-child(8)").get_property("textContent")
    Select(browser.find_element(By.NAME, "eyes")).select_by_value(f"sending service:{via}")
    assert eventually(lambda: (data("followed") or "").endswith(f"sending service:{via}"))
    assert eventually(lambda: 0 < int(browser.find_element(By.ID, "told").text.split(": ")[1].split()[0]) < whole)
    assert eventually(lambda: not browser.find_elements(By.CSS_SELECTOR, "tbody tr[data-follow]"))
    cells = browser.find_elements(By.CSS_SELECTOR, "tbody td:nth-child(3), tbody td:nth-child(4)")
    assert {cell.get_property("textContent") for cell in cells} == {""}
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
