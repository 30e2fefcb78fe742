"""What is published is what its results say: drawn again, every file has the same bytes."""

import shutil
from pathlib import Path

import pytest

from communicator_reports.report import RESULTS, draw

PUBLISHED = Path(__file__).parents[2] / "reports" / "published"
_DRAWN = ("index.html", "report.pdf", "report-letter.pdf", RESULTS, "figures", "tables")


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.parent.name for path in PUBLISHED.glob("*/provenance.json")))
def test_a_published_study_is_drawn_again_byte_for_byte(name: str, tmp_path: Path) -> None:
    published = files_of(PUBLISHED / name)
    folder = tmp_path / name
    shutil.copytree(PUBLISHED / name, folder, ignore=lambda at, names: _DRAWN if Path(at) == PUBLISHED / name else ())
    assert not (folder / RESULTS).exists()
    draw(folder, lambda done, total: None)
    again = files_of(folder)
    assert again.keys() == published.keys()
    other = [path for path, data in published.items() if again[path] != data]
    assert other == [], f"draw it again: communicator report build reports/published/{name}"


def test_published_pages_are_small_and_name_their_command() -> None:
    listed = (PUBLISHED / "README.md").read_text("utf-8")
    for folder in (path.parent for path in PUBLISHED.glob("*/provenance.json")):
        assert (folder / "index.html").stat().st_size < 3_000_000
        assert f"[{folder.name}]({folder.name}/index.html)" in listed
        assert "communicator study" in (folder / "provenance.json").read_text("utf-8")
