"""The testee in TypeScript, without Node: its source is whole and small, its mutants are of places that are there.

What it does is judged by `make typescript` (`tests.conformance.with_typescript`).
"""

import json
import tomllib

from tests.conformance.with_typescript import FOLDER, MUTANTS

SOURCES = sorted((FOLDER / "src").rglob("*.ts"))


def test_each_file_opens_with_what_it_is_about_and_stays_small() -> None:
    assert any(path.name == "testee.ts" for path in SOURCES)
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("/**\n * "), f"{path.name} has no header"
        assert len(text.splitlines()) <= 300, f"{path.name} is long"


def test_every_version_is_pinned() -> None:
    named = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
    locked = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for name, version in (named["dependencies"] | named["devDependencies"]).items():
        assert locked[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in package for name, package in locked.items() if name)
    assert not any("resolved" in package for package in locked.values())


def test_each_mutant_changes_one_place_that_is_there() -> None:
    mutants = tomllib.loads(MUTANTS.read_text(encoding="utf-8"))["mutant"]
    assert len({mutant["name"] for mutant in mutants}) == len(mutants) >= 10
    for mutant in mutants:
        text = (FOLDER / "src" / mutant["file"]).read_text(encoding="utf-8")
        assert text.count(mutant["was"]) == 1, mutant["name"]
        assert mutant["was"] != mutant["now"]
