"""Where fetched files are put: one folder, free names, and nothing before it is whole."""

import os
from pathlib import Path

import pytest

from communicator_impl.client.shelf import FolderShelf, safe_name
from communicator_impl.content import Attachment
from communicator_impl.errors import InputError
from communicator_spec import ErrorClass

PROPOSED = [
    ".bashrc", "..", "...", "../../etc/passwd", "/etc/passwd", "a\\b", "", " ", "evil\u202egpj.exe", "\x9b2J",
    "é" * 200,
]  # fmt: skip


def kept(folder: Path, name: str, data: bytes = b"lake") -> Path:
    shelf = FolderShelf(folder, name)
    shelf.write(data)
    shelf.keep()
    assert shelf.path is not None
    assert shelf.path.read_bytes() == data
    return shelf.path


def test_nothing_is_seen_before_it_is_kept_and_nothing_is_left_if_it_is_dropped(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, "lake.jpg")
    shelf.write(b"la")
    assert all(name.startswith(".") for name in os.listdir(tmp_path))
    shelf.drop()
    assert os.listdir(tmp_path) == []
    shelf.write(b"lake")
    shelf.keep()
    assert os.listdir(tmp_path) == ["lake.jpg"]
    assert kept(tmp_path, "empty", b"").stat().st_size == 0


def test_what_is_there_is_never_replaced_nor_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "got", tmp_path / "outside"
    assert kept(folder, "lake.jpg") == folder / "lake.jpg"
    assert kept(folder, "lake.jpg", b"other") == folder / "lake (2).jpg"
    assert kept(folder, "lake.jpg", b"third") == folder / "lake (3).jpg"
    (folder / "link").symlink_to(outside)
    assert kept(folder, "link") == folder / "link (2)"
    assert not outside.exists()


@pytest.mark.parametrize(
    "name",
    [
        ".bashrc",
        "..",
        "...",
        "../../etc/passwd",
        "/etc/passwd",
        "a\\b",
        "",
        " ",
        "evil\u202egpj.exe",
        "\x9b2J",
        "é" * 200,
    ],
)
def test_whatever_is_proposed_is_one_visible_file_in_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "got"
    path = kept(folder, name)
    assert path.resolve().parent == folder.resolve()
    assert [*map(str, tmp_path.iterdir())] == [str(folder)]
    assert path.name.isprintable()
    assert not path.name.startswith(".")
    assert len(os.listdir(folder)) == 1


def test_an_ordinary_name_stays_as_it_is() -> None:
    for name in ("lake.jpg", "Häßlich & schön (1).tar.gz", "日本.png", "no ending"):
        assert safe_name(name) == name
        assert Attachment.from_wire(Attachment(1, (), "a/b", name).to_wire() | {1: [["u", bytes(32), bytes(32), 0]]})


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as caught:
        FolderShelf(tmp_path / "file", "lake.jpg").write(b"")
    assert caught.value.error_class is ErrorClass.REFUSED
