"""The page of a run is used in a browser as a reader uses it: from the disk, by pointer and by key, light and dark."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from communicator_conformance import Digests, Fault, Result, Status, Verdict, Witness, run
from communicator_conformance.matrix import Cell
from communicator_conformance.vectors import published
from communicator_reports.conformance_page import render_matrix, render_run

LYING = """
import sys
from communicator_impl.adapter import HELLO, OPERATIONS
from communicator_impl.adapter.lines import serve
serve(sys.stdin.buffer, sys.stdout.buffer, HELLO, {**OPERATIONS, "label.derive": lambda c: {"label": "00" * 40}})
"""
HOSTILE = "<script>window.ran = 1</script>\"'><img src=x onerror='window.ran = 2'> \u202eevil \u05e9\u05dc\u05d5\u05dd"
WITNESS = Witness("submission 3", "submission 9", "00" * 40 + "ab" * 64 + "11" * 40, "ab" * 64 + "22" * 4, 40, 0, 64)
SCHEMES = ["light", "dark"]

CONTRAST = """
const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
function paper(node) {
  for (; node; node = node.parentElement) {
    const found = rgb(getComputedStyle(node).backgroundColor);
    if (found.length < 4 || found[3] > 0) return found;
  }
  return [255, 255, 255];
}
const poor = [];
let judged = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.matches("script, style")) continue;
  const [one, other] = [light(rgb(getComputedStyle(node).color)), light(paper(node))].sort((a, b) => b - a);
  judged += 1;
  if ((one + 0.05) / (other + 0.05) < 4.5) poor.push(`${node.tagName}.${node.className}: ${walker.currentNode.data}`);
}
return [judged, [...new Set(poor)]];
"""


@pytest.fixture(scope="module")
def verdict() -> Verdict:
    """Return what a program earns that derives labels wrongly."""
    return run([sys.executable, "-c", LYING], select="label/*", timeout_s=60.0)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, verdict: Verdict) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    hostile = Result(
        "label/late", Status.FAILED, ("KNOW-1",), Fault.DIED, HOSTILE * 2_000,
        ('→ {"id":1,"op":"label.seal","n":18446744073709551615}', f"← </pre>{HOSTILE}"), WITNESS,
    )  # fmt: skip
    others = [Result(f"label/{status}", status, ("KNOW-2",)) for status in Status if status is not Status.FAILED]
    met = ("rm-rm", "ssa-rsa", "rm-ssa", "rm-rsa")
    plays = (Result("script/receipts:label", Status.PASSED, ("DELIV-1",), met=met), hostile)
    names = ["reference", "javascript client", HOSTILE]
    cells = [Cell(first, second, plays[: 1 + (first == HOSTILE)]) for first in names for second in names]
    texts = {
        "run": render_run(verdict, "communicator conform -- ./mine", published()),
        "hostile": render_run(Verdict(HOSTILE, Digests(*["ab" * 32] * 4), (hostile, *others)), HOSTILE, {}),
        "matrix": render_matrix(cells, dict.fromkeys(names, "./mine"), "communicator conform matrix"),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    return {name: folder / f"{name}.html" for name in texts}


def show(
    browser: webdriver.Chrome, page: Path, width: int = 1280, scheme: str = "light", media: str = "screen"
) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    browser.get("about:blank")  # the same page with another anchor is not loaded again
    browser.get(page.as_uri())


def ask(browser: webdriver.Chrome, expression: str) -> Any:  # noqa: ANN401 - what JavaScript says
    return browser.execute_script(f"return {expression}")


def open_all(browser: webdriver.Chrome) -> None:
    browser.execute_script("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0]))")  # lines are laid out


def visible(browser: webdriver.Chrome, section: str) -> list[str]:
    return list(ask(browser, f"[...document.querySelectorAll('#{section} [data-status]')]"
                             ".filter((x) => x.checkVisibility()).map((x) => x.id)"))  # fmt: skip


def test_a_reader_drills_down_to_the_exact_lines(
    browser: webdriver.Chrome, pages: dict[str, Path], verdict: Verdict
) -> None:
    show(browser, pages["run"])
    wrong = {r.id: r for r in verdict.failures}["label/derive"]
    item = browser.find_element(By.ID, "label/derive")
    assert not item.is_displayed()
    browser.find_element(By.CSS_SELECTOR, "#area-label > summary").click()
    item.find_element(By.CSS_SELECTOR, "summary").click()
    last = item.find_elements(By.CSS_SELECTOR, ".last pre.json")
    assert len(last) == 2
    assert last[1].is_displayed()
    assert '\n  "ok": {\n    "label": ' in last[1].text
    assert "(40 bytes)" in last[1].text
    last[1].find_element(By.CSS_SELECTOR, "button").click()
    assert "00" * 40 in last[1].text
    for pre, line in zip(last, wrong.lines[-2:], strict=True):
        pre.find_element(By.XPATH, "following-sibling::button[1]").click()
        assert pre.get_property("textContent") == line
    assert "derive is taken, with" in item.find_element(By.CSS_SELECTOR, ".wanted").text.replace("\n", " ")
    assert "the test ended here" in item.text


def test_a_link_to_a_test_opens_it(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    show(browser, pages["run"])
    link = browser.find_element(By.LINK_TEXT, "label/derive")
    link.click()
    assert browser.find_element(By.CSS_SELECTOR, "[id='label/derive'] .detail").is_displayed()
    browser.get(f"{pages['run'].as_uri()}#KNOW-1")
    assert browser.find_element(By.ID, "KNOW-1").is_displayed()


def test_tests_are_filtered_by_words_and_status(
    browser: webdriver.Chrome, pages: dict[str, Path], verdict: Verdict
) -> None:
    show(browser, pages["run"])
    words = browser.find_element(By.CSS_SELECTOR, "#tests input[type=search]")
    said = browser.find_element(By.CSS_SELECTOR, "#tests output")
    words.send_keys("DERIVE-lane")
    found = [r.id for r in verdict.results if "derive-lane" in r.id]
    assert found
    assert visible(browser, "tests") == found
    assert said.text == f"{len(found)} of {len(verdict.results)}"
    words.send_keys(Keys.CONTROL, "a")
    words.send_keys(Keys.BACKSPACE)
    assert said.text == ""
    browser.find_element(By.CSS_SELECTOR, "#tests input[value=failed]").click()
    assert visible(browser, "tests") == [r.id for r in verdict.failures]
    words.send_keys("nothing has these words")
    assert visible(browser, "tests") == []


def test_a_clause_leads_to_its_tests(browser: webdriver.Chrome, pages: dict[str, Path], verdict: Verdict) -> None:
    show(browser, pages["run"])
    clause = verdict.failures[0].clauses[0]
    browser.get(f"{pages['run'].as_uri()}#{clause}")
    browser.find_element(By.CSS_SELECTOR, f"#{clause} [data-find]").click()
    found = [r.id for r in verdict.results if clause in r.clauses]
    assert set(visible(browser, "tests")) >= set(found)
    assert ask(browser, "document.activeElement.value") == clause


def test_the_keyboard_is_enough(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    show(browser, pages["run"])
    ActionChains(browser).send_keys(Keys.TAB).perform()
    assert ask(browser, "document.activeElement.textContent") == "To the content"
    for selector in ("#area-label > summary", "[id='label/derive'] > details > summary"):
        browser.execute_script("document.querySelector(arguments[0]).focus()", selector)
        ActionChains(browser).send_keys(Keys.ENTER).perform()
    assert browser.find_element(By.CSS_SELECTOR, "[id='label/derive'] .detail").is_displayed()
    ActionChains(browser).send_keys(Keys.TAB).perform()
    assert ask(browser, "getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("name", ["run", "hostile", "matrix"])
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_pages_fit_the_screen_and_ask_nobody(
    browser: webdriver.Chrome, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    show(browser, pages[name], width, scheme)
    open_all(browser)
    assert ask(browser, "document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    beyond = "[...document.querySelectorAll('main *')].filter((x) => !x.closest('.scroll, pre, .status')"
    assert ask(browser, f"{beyond} && x.getBoundingClientRect().right > {width} + 1).map((x) => x.outerHTML)") == []
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert ask(browser, "performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize("name", ["run", "hostile", "matrix"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_word_stands_out(browser: webdriver.Chrome, pages: dict[str, Path], name: str, scheme: str) -> None:
    show(browser, pages[name], 1280, scheme)
    open_all(browser)
    judged, poor = browser.execute_script(CONTRAST)
    assert judged > 100
    assert poor == []


def test_headings_tables_and_fields_have_names(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    for name in pages:
        show(browser, pages[name])
        levels = ask(browser, "[...document.querySelectorAll('h1, h2, h3, h4')].map((x) => Number(x.tagName[1]))")
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert ask(browser, "document.querySelectorAll('main, nav[aria-label]').length") == 2
        assert ask(browser, "[...document.querySelectorAll('th')].every((x) => x.scope)")
        assert ask(browser, "[...document.querySelectorAll('input')].every((x) => x.labels.length === 1)")
        assert ask(browser, "[...document.querySelectorAll('section')].every((x) =>"
                            " document.getElementById(x.getAttribute('aria-labelledby')))")  # fmt: skip


def test_the_browser_runs_no_script_but_the_page_s_own(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    show(browser, pages["hostile"])
    open_all(browser)
    assert ask(browser, "document.querySelectorAll('img, iframe, main script').length") == 0
    assert "18446744073709551615" in browser.find_element(By.CSS_SELECTOR, "pre.json").text
    browser.execute_script(
        "const made = document.createElement('script'); made.textContent = 'window.ran = 3';"
        "document.body.append(made);"
        "document.body.insertAdjacentHTML('beforeend', '<i onclick=\"window.ran = 4\">x</i>');"
        "document.body.lastElementChild.click();"
    )
    assert ask(browser, "window.ran") is None
    refused = [row["message"] for row in browser.get_log("browser")]  # type: ignore[no-untyped-call]
    assert len(refused) == 2
    assert all("Content Security Policy" in message for message in refused)


def test_a_witness_is_marked(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    for scheme in SCHEMES:
        show(browser, pages["hostile"], 360, scheme)
        open_all(browser)
        marked = browser.find_elements(By.CSS_SELECTOR, ".witness mark")
        assert [mark.text.replace(" ", "").replace("\n", "") for mark in marked] == ["ab" * 64] * 2
        paper = ask(browser, "getComputedStyle(document.querySelector('.witness pre')).backgroundColor")
        assert ask(browser, "getComputedStyle(document.querySelector('mark')).backgroundColor") != paper


def test_paper_has_what_is_open_and_no_form(browser: webdriver.Chrome, pages: dict[str, Path]) -> None:
    show(browser, pages["run"], 672, media="print")
    open_all(browser)
    assert ask(browser, "[...document.querySelectorAll('.sieve, nav')].every((x) => !x.checkVisibility())")
    assert ask(browser, "[...document.querySelectorAll('main *')].filter((x) => !x.closest('.status')"
                        " && x.getBoundingClientRect().right > 673).length") == 0  # fmt: skip
