"""Clauses are read from the chapters strictly, and what is shipped is what the chapters say."""

from pathlib import Path

import pytest

from communicator_spec.clauses import (
    ClauseError,
    Level,
    extract,
    load_clauses,
    render,
    scan,
    standard_digest,
    write,
)

ROOT = Path(__file__).parents[2]
GOOD = "> **STATE-3** (relationship manager, receiving service · property) An address MUST NOT be used\n> too late.\n"


def chapter(folder: Path, text: str, name: str = "05-address-state.md") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_clauses_are_those_of_the_chapters() -> None:
    clauses = extract(ROOT / "spec")
    assert clauses == load_clauses()
    assert (ROOT / "spec/communicator_spec/clauses.json").read_bytes() == render(clauses)
    assert len(standard_digest()) == 16


def test_a_clause_is_a_paragraph_of_a_quote(tmp_path: Path) -> None:
    (clause,) = extract(chapter(tmp_path, f"# Title\n\nProse.\n\n{GOOD}\nMore prose.\n").parent)
    assert (clause.id, clause.chapter, clause.level) == ("STATE-3", 5, Level.MUST)
    assert clause.roles == ("relationship manager", "receiving service")
    assert clause.disposition == "property"
    assert clause.text == "An address MUST NOT be used too late."


def test_line_breaks_do_not_change_a_digest_and_words_do(tmp_path: Path) -> None:
    (first,) = extract(chapter(tmp_path, GOOD).parent)
    (wrapped,) = extract(chapter(tmp_path, GOOD.replace("address ", "address\n> ")).parent)
    (changed,) = extract(chapter(tmp_path, GOOD.replace("late", "early")).parent)
    (rebound,) = extract(chapter(tmp_path, GOOD.replace(", receiving service", "")).parent)
    assert first.digest == wrapped.digest
    assert len({first.digest, changed.digest, rebound.digest}) == 3


def test_code_and_prose_without_keywords_are_left_alone(tmp_path: Path) -> None:
    text = f"`MUST` is a word.\n\n> A remark, quoted.\n\n```\nMUST\n```\n\n{GOOD}"
    assert len(extract(chapter(tmp_path, text).parent)) == 1


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        (GOOD + "\n" + GOOD, 4, "twice"),
        (GOOD.replace("STATE", "DELIV"), 1, "chapter 5"),
        (GOOD.replace("relationship manager", "butler"), 1, "unknown role"),
        (GOOD.replace("property", "hope"), 1, "disposition"),
        (GOOD.replace("property", "not testable:"), 1, "disposition"),
        (GOOD.replace("MUST NOT", "SHALL"), 1, "unknown level SHALL"),
        (GOOD.replace("MUST NOT", "does not"), 1, "0 keywords"),
        (GOOD.replace("too late", "and MUST be kept"), 1, "2 keywords"),
        (GOOD.replace(" · property", ""), 1, "a clause reads"),
        (GOOD.replace("-3", "-03"), 1, "a clause reads"),
        ("> It MUST rain.\n" + "\n" + GOOD, 1, "a clause reads"),
        (GOOD + "\nIt MAY rain.\n", 4, "outside a clause"),
        ("Nothing.\n", 0, "no chapter"),
    ],
)
def test_faults_name_their_place(tmp_path: Path, text: str, line: int, word: str) -> None:
    path = chapter(tmp_path, text)
    with pytest.raises(ClauseError) as caught:
        extract(tmp_path)
    (fault,) = caught.value.faults
    assert fault.line == line
    assert word in fault.detail
    assert fault.path == (path if line else tmp_path)
    assert f":{line}: " in str(caught.value)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    path = chapter(tmp_path, GOOD.replace("MUST", "SHALL") + "\nIt MAY rain.\n\n" + GOOD + "\n" + GOOD)
    clauses, faults = scan(path)
    assert (len(clauses), len(faults)) == (1, 3)


def test_an_id_in_two_chapters_is_a_fault(tmp_path: Path) -> None:
    chapter(tmp_path, GOOD)
    chapter(tmp_path, GOOD, "05-bis.md")
    with pytest.raises(ClauseError, match="another chapter too"):
        extract(tmp_path)


def test_publishing_remembers_the_first_digest(tmp_path: Path) -> None:
    package = tmp_path / "communicator_spec"
    package.mkdir()
    chapter(tmp_path, GOOD)
    assert write(tmp_path, publish=True) == 1
    published = (package / "published.json").read_bytes()
    before = (package / "clauses.json").read_bytes()
    chapter(tmp_path, GOOD.replace("late", "early"))
    write(tmp_path, publish=True)
    assert (package / "published.json").read_bytes() == published
    assert (package / "clauses.json").read_bytes() != before
