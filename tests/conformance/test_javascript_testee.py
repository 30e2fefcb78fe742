"""The testee in JavaScript, written from the text alone: with Node it conforms, without Node its files are whole."""

import re
import shutil
from pathlib import Path

from communicator_conformance import run
from communicator_conformance.vectors import published

TESTEE = Path(__file__).parents[2] / "conformance" / "testees" / "javascript"
REQUIRED = re.compile(r"require\('(?P<name>[^']+)'\)")


def test_it_passes_every_vector() -> None:
    node = shutil.which("node")
    if node is None:  # the project works without it; the next test still holds
        assert (TESTEE / "testee.js").is_file()
        return
    verdict = run([node, str(TESTEE / "testee.js")])
    assert verdict.ok, verdict.failures
    left = published().keys() & {result.id for result in verdict.results if result.status.value != "passed"}
    assert all("hybrid" in name for name in left)  # suite 2 is a feature that it does not offer
    assert any("hybrid" in name for name in left)


def test_its_files_are_there_and_need_nothing_but_node() -> None:
    files = {path.name: path.read_text() for path in TESTEE.glob("*.js")}
    assert "testee.js" in files
    for name, text in files.items():
        assert text.startswith("//"), f"{name} has no header"
        assert text.count("{") == text.count("}"), f"{name} is cut off"
        for needed in REQUIRED.findall(text):
            assert needed.startswith("node:") or needed.removeprefix("./") in files, f"{name} needs {needed}"


def test_it_stays_small() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in TESTEE.glob("*.js")}
    assert max(lengths.values()) <= 270
    assert lengths["testee.js"] <= 150
