"""`check` finds every way in which the standard and its citations can part."""

import re
from pathlib import Path

import pytest

from communicator_spec.clauses import extract, write
from communicator_spec.coverage import Place, check, coverage

ROOT = Path(__file__).parents[2]
PREFIX = "STATE"  # ids are put together here, so that this file cites nothing
FIRST, SECOND, THIRD = (f"{PREFIX}-{n}" for n in (1, 2, 3))


def clause(name: str, keyword: str = "MUST", how: str = "property") -> str:
    return f"> **{name}** (relationship manager · {how}) It {keyword} keep {name.lower()}.\n\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small project in which everything is right."""
    (tmp_path / "spec/communicator_spec").mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "spec/05-address-state.md").write_text(clause(FIRST) + clause(SECOND) + clause(THIRD, "MAY"))
    (tmp_path / "spec/communicator_spec/policies.py").write_text(f"# {FIRST}\n")
    (tmp_path / "tests/test_it.py").write_text(f"# {SECOND}\n")
    write(tmp_path / "spec", publish=True)
    return tmp_path


def edit(root: Path, old: str, new: str) -> None:
    path = root / "spec/05-address-state.md"
    path.write_text(path.read_text().replace(old, new))
    write(root / "spec")


def kinds(root: Path) -> list[str]:
    return [problem.kind for problem in check(root)]


def test_this_project_is_right() -> None:
    assert check(ROOT) == []


def test_a_right_project_has_no_problem(root: Path) -> None:
    assert check(root) == []


def test_uncited_must_fails_and_uncited_may_does_not(root: Path) -> None:
    edit(
        root,
        f"**{THIRD}** (relationship manager · property) It MAY",
        f"**{PREFIX}-4** (relationship manager · property) It MUST",
    )
    (root / "spec/CHANGES.md").write_text(f"- **{THIRD}** withdrawn: not needed\n")
    (problem,) = check(root)
    assert (problem.kind, problem.path) == ("uncited", Path("spec/communicator_spec/uncited.toml"))
    assert f"{PREFIX}-4" in problem.detail


def test_a_clause_that_is_added_and_cited_nowhere_fails_until_it_is_cited(root: Path) -> None:
    path = root / "spec/05-address-state.md"
    path.write_text(path.read_text() + clause(f"{PREFIX}-4"))
    assert kinds(root) == ["stale", "uncited"]
    write(root / "spec", publish=True)
    assert kinds(root) == ["uncited"]
    (root / "spec/README.md").write_text(f"See {PREFIX}-4.\n")
    assert kinds(root) == ["uncited"]  # prose enforces nothing
    (root / "tests/test_more.py").write_text(f"# {PREFIX}-4\n")
    assert kinds(root) == []


@pytest.mark.parametrize("how", ["not testable: nobody sees it"])
def test_untestable_must_needs_no_citation(root: Path, how: str) -> None:
    path = root / "spec/05-address-state.md"
    path.write_text(path.read_text() + clause(f"{PREFIX}-4", how=how))
    write(root / "spec")
    assert check(root) == []


def test_listed_clause_passes_until_it_is_cited(root: Path) -> None:
    entry = f'[[uncited]]\nclause = "{SECOND}"\nreason = "later"\ncovered_by = "chapter 9"\n'
    (root / "spec/communicator_spec/uncited.toml").write_text(entry)
    assert kinds(root) == ["expectation"]
    (root / "tests/test_it.py").unlink()
    assert kinds(root) == []


def test_silent_change_fails_until_a_line_says_why(root: Path) -> None:
    edit(root, "It MUST keep", "It MUST always keep")
    assert kinds(root) == ["changed", "changed"]
    digests = {c.id: c.digest for c in extract(root / "spec")}
    notes = "".join(f"- **{name}** {digests[name]}: always\n" for name in (FIRST, SECOND))
    (root / "spec/CHANGES.md").write_text(notes)
    assert kinds(root) == []
    edit(root, "It MUST always keep", "It MUST never keep")
    assert kinds(root) == ["changed", "changed"]


def test_renumbering_fails(root: Path) -> None:
    edit(root, f"**{FIRST}**", f"**{PREFIX}-9**")
    assert kinds(root) == ["changed", "unknown", "uncited"]


def test_renumbering_fails_when_all_citations_follow(root: Path) -> None:
    edit(root, f"**{FIRST}**", f"**{PREFIX}-9**")
    (root / "spec/communicator_spec/policies.py").write_text(f"# {PREFIX}-9\n")
    (problem,) = check(root)
    assert problem.kind == "changed"
    assert FIRST in problem.detail
    write(root / "spec", publish=True)
    assert kinds(root) == ["changed"]


def test_two_clauses_that_exchange_their_ids_fail(root: Path) -> None:
    path = root / "spec/05-address-state.md"
    other = {FIRST: SECOND, SECOND: FIRST}
    path.write_text(re.sub(rf"\*\*({FIRST}|{SECOND})\*\*", lambda found: f"**{other[found[1]]}**", path.read_text()))
    write(root / "spec")
    assert kinds(root) == ["changed", "changed"]


def test_the_id_of_a_withdrawn_clause_is_given_to_no_other(root: Path) -> None:
    edit(root, clause(THIRD, "MAY"), "")
    (root / "spec/CHANGES.md").write_text(f"- **{THIRD}** withdrawn: not needed\n")
    assert kinds(root) == []
    path = root / "spec/05-address-state.md"
    path.write_text(path.read_text() + clause(THIRD, "MAY", "script"))
    write(root / "spec", publish=True)
    assert kinds(root) == ["changed"]


def test_note_about_a_clause_that_was_never_published_fails(root: Path) -> None:
    (root / "spec/CHANGES.md").write_text(f"- **{PREFIX}-9** withdrawn: a mistake\n")
    assert kinds(root) == ["changed"]


def test_duplicate_fails_with_file_and_line(root: Path) -> None:
    path = root / "spec/05-address-state.md"
    path.write_text(path.read_text() + clause(FIRST))
    (problem,) = check(root)
    assert (problem.kind, problem.path, problem.line) == ("malformed", Path("spec/05-address-state.md"), 7)


def test_stale_file_fails(root: Path) -> None:
    path = root / "spec/communicator_spec/clauses.json"
    path.write_bytes(path.read_bytes() + b" ")
    assert kinds(root) == ["stale"]


@pytest.mark.parametrize(
    "name", ["tests/a.py", "impl/a.cddl", "conformance/vectors/a.json", "model/a.toml", "spec/a.md"]
)
def test_unknown_id_fails_wherever_it_stands(root: Path, name: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"one\ntwo {PREFIX}-77\n")
    (problem,) = check(root)
    assert (problem.kind, problem.path, problem.line) == ("unknown", Path(name), 2)


def test_coverage_says_where_a_clause_is_cited(root: Path) -> None:
    vectors = root / "conformance/vectors"
    vectors.mkdir(parents=True)
    (vectors / "a.json").write_text(f'{{"clauses": ["{FIRST}"]}}')
    (root / "spec/README.md").write_text(f"See {FIRST}.\n")
    (root / "tests/test_it.py").write_text(f"# {FIRST}, {SECOND}\n")
    table = coverage(root)
    assert {place: len(table[FIRST][place]) for place in Place} == dict.fromkeys(Place, 1)
    assert not any(table[THIRD].values())
