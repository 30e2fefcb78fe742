"""The page works in a browser from the disk: no network, no errors, light and dark, phone and desktop."""

from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from tests.patience import eventually

from communicator_spec.html import render_standard


def show(browser: webdriver.Chrome, results: Path, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get((results / "index.html").as_uri())
    assert eventually(lambda: ask(browser, "document.documentElement.dataset.charts")) == "drawn"


def ask(browser: webdriver.Chrome, expression: str) -> Any:  # noqa: ANN401 - what JavaScript says
    return browser.execute_script(f"return {expression}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_charts_are_drawn_without_errors_network_or_overflow(
    browser: webdriver.Chrome, results: Path, width: int, scheme: str
) -> None:
    show(browser, results, width, scheme)
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert ask(browser, "performance.getEntriesByType('resource').length") == 0
    charts = ask(browser, "document.querySelectorAll('.chart').length")
    assert charts >= 8
    assert (
        ask(browser, "document.querySelectorAll('.chart svg .mark-symbol path, .chart svg .mark-line path').length")
        > charts
    )
    assert ask(browser, "document.documentElement.scrollWidth <= window.innerWidth")
    assert ask(browser, "[...document.querySelectorAll('.chart svg')].every(x =>"
                        " x.getBoundingClientRect().right <= document.documentElement.clientWidth + 1)")  # fmt: skip


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(20, 23, 28)")])
def test_charts_have_the_ink_of_the_page(browser: webdriver.Chrome, results: Path, scheme: str, paper: str) -> None:
    show(browser, results, 1280, scheme)
    assert ask(browser, "getComputedStyle(document.body).backgroundColor") == paper
    ink = ask(browser, "getComputedStyle(document.body).color")
    assert ask(browser, "getComputedStyle(document.querySelector('.chart .role-axis-label text')).fill") == ink


A4_BETWEEN_MARGINS = 672


@pytest.fixture(scope="module")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("standard") / "standard.html"
    path.write_text(render_standard(Path(__file__).parents[2]), encoding="utf-8")
    return path


def open_standard(browser: webdriver.Chrome, page: Path, width: int, media: str, scheme: str = "light") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    browser.get(page.as_uri())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_standard_fits_the_screen(browser: webdriver.Chrome, standard: Path, width: int, scheme: str) -> None:
    open_standard(browser, standard, width, "screen", scheme)
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    beyond = "[...document.querySelectorAll('main *')].filter(x => !x.closest('.scroll, pre')"
    assert ask(browser, f"{beyond} && x.getBoundingClientRect().right > {width} + 1).length") == 0
    if width == 1280:  # tables scroll on a phone only
        assert ask(browser, "[...document.querySelectorAll('.scroll')].every(x => x.scrollWidth <= x.clientWidth + 1)")


def test_the_standard_is_printed_without_cuts(browser: webdriver.Chrome, standard: Path) -> None:
    open_standard(browser, standard, A4_BETWEEN_MARGINS, "print")
    beyond = "[...document.querySelectorAll('main *')].filter(x => x.getBoundingClientRect().right >"
    assert ask(browser, f"{beyond} {A4_BETWEEN_MARGINS} + 1).map(x => x.textContent.slice(0, 60))") == []
    assert ask(browser, "[...document.querySelectorAll('main pre')].every(x => x.scrollWidth <= x.clientWidth + 1)")
    assert ask(browser, "getComputedStyle(document.querySelector('nav')).display") == "none"
