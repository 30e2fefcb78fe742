"""Where a fetched file lies: hidden until it is whole, then under a name of its own, in one folder and nowhere else.

Theory. The name of a file was chosen by the peer. A name that leads out of a folder is refused with its message
(ATT-18), but one that hides a file, disguises its kind, or is taken already is a good name on the wire. So the name is
only a proposal, and what is there is never touched.

Rules:

1. Nothing is seen under its name before all of it was checked (ATT-2); a crash leaves at most a hidden part.
2. A file that is there is never replaced: the next one is called `lake (2).jpg`.
3. A name never begins with a dot, and has no characters that a terminal or a folder would not show as they are.
"""

import os
import tempfile
from pathlib import Path
from typing import IO, Final

from communicator_impl.errors import InputError
from communicator_spec import ErrorClass

__all__ = ["FolderShelf", "safe_name"]

_NAME_BYTES_MAX: Final = 240
_SAME_NAME_MAX: Final = 10_000


class FolderShelf:
    """A shelf in a folder; `path` is where the file is, once it was kept."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, safe_name(name)
        self._part: Path | None = None
        self._file: IO[bytes] | None = None
        self.path: Path | None = None

    def write(self, piece: bytes) -> None:
        """Add a piece; nobody sees it yet."""
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=self._folder)
                self._file, self._part = os.fdopen(handle, "wb"), Path(name)
            self._file.write(piece)
        except OSError as error:
            self.drop()
            raise _unwritable(self._folder, error) from error

    def keep(self) -> None:
        """Show the file under the first free name."""
        if self._file is None:
            self.write(b"")
        assert self._file is not None
        assert self._part is not None
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self.path = self._shown(self._part)
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        finally:
            self.drop()

    def drop(self) -> None:
        """Forget all pieces."""
        if self._file is not None:
            self._file.close()
        if self._part is not None:
            self._part.unlink(missing_ok=True)
        self._file = self._part = None

    def _shown(self, part: Path) -> Path:
        stem, dot, ending = self._name.rpartition(".")
        stem, ending = (stem, dot + ending) if stem else (self._name, "")
        for number in range(1, _SAME_NAME_MAX):
            target = self._folder / (self._name if number == 1 else f"{stem} ({number}){ending}")
            try:
                os.link(part, target)  # unlike a renaming, this never replaces anything
            except FileExistsError:
                continue
            return target
        raise InputError(ErrorClass.LIMIT, f"{self._folder} has too many files called {self._name}")


def safe_name(name: str) -> str:
    """Return a name that stands for one visible file in its folder, whatever was proposed."""
    shown = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in name).strip()
    if not shown or shown.startswith("."):
        shown = "_" + shown.lstrip(".")
    while len(shown.encode(errors="replace")) > _NAME_BYTES_MAX:
        shown = shown[1:]
    return shown


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(ErrorClass.REFUSED, f"nothing can be written to {folder}: {error.strerror}")
