"""A folder of results is there as a whole or not at all, and nothing else is ever replaced."""

from pathlib import Path

import pytest

from communicator_reports.building import MARK, building
from communicator_simulations.results import ResultsError


def test_nothing_is_there_before_the_end(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with building(out) as folder:
        (folder / MARK).write_text("new")
        assert not out.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (out / MARK).read_text() == "new"


def build_and_stop(out: Path, stop: type[BaseException]) -> None:
    with building(out) as folder:
        (folder / MARK).write_text("new")
        raise stop


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_a_stopped_build_leaves_the_former_result(tmp_path: Path, stop: type[BaseException]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / MARK).write_text("former")
    with pytest.raises(stop):
        build_and_stop(out, stop)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (out / MARK).read_text() == "former"


def test_a_folder_with_other_files_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("dear")
    with pytest.raises(ResultsError, match="--out"), building(tmp_path / "letters"):
        pass
    assert (tmp_path / "letters" / "one.txt").read_text() == "dear"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with building(tmp_path / "out") as folder:
        (folder / MARK).write_text("new")
    assert (tmp_path / "out" / MARK).exists()
