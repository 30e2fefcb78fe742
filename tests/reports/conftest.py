"""A tiny study, made once a session by the code that users run; only the linkage games are played by hand.

And a browser.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from communicator_reports import study
from communicator_reports.progress import Steps
from communicator_reports.wishes import Wish

TINY = Wish(scenario="migration", people=40, days=2.0, replications=2, seed=7, synthetic=True,
            faults=("none", "sunset", "death"))  # fmt: skip


def game(role: str, implementation: str, advantage: float, *, permitted: bool = False) -> dict[str, object]:
    witness = "16 bytes ae9419e2…" if advantage > 0.9 else ""
    return {
        "role": role, "question": "two messages: one relationship?", "permitted": permitted, "clauses": "",
        "implementation": implementation, "distinguisher": "shared bytes", "advantage": advantage,
        "low": advantage - 0.02, "high": advantage + 0.02, "trials": 600, "replications": 2, "witness": witness,
    }  # fmt: skip


GAMES = [
    game("sending service", "as designed, label/1", 0.01),
    game("sending service", "broken: addresses reused", 1.0),
    game("receiving service", "as designed, label/1", 1.0, permitted=True),
    game("correspondent", "as designed, label/1", float("nan")),
]


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished study. Not to be changed: copy it."""
    out = tmp_path_factory.mktemp("study") / "migration"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "play", lambda *_: GAMES)
        done = study.run_study(TINY, out, 1, Steps(Console(quiet=True), 4), quick=False)
    assert done.ok
    return out


CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
SWITCHES = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage")  # fmt: skip


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.fail(f"{CHROMIUM} and {DRIVER} are needed: install chromium and chromium-driver")
    options = Options()
    options.binary_location = str(CHROMIUM)
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    except WebDriverException as error:
        pytest.fail(f"chromium does not start: {error.msg}")
    yield driver
    driver.quit()
