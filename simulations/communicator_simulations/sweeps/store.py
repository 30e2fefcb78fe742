"""Finished runs as files: one JSON file a run, named by what decides it, checked whenever it is read.

Rules:

1. A file is there whole or not at all: it is written beside its place, made durable, and moved.
2. A file speaks of itself: its format, the run that it is of, and the digest of its content. One that is cut off,
   changed, or of another run is refused with its name; nothing is repaired or removed silently.
3. Nothing in a result file depends on when, where or how fast it was computed. How long runs took stands in
   `times.jsonl`, which serves estimates alone and may be cut off or missing.
4. One sweep at a time runs in a folder.
"""

import fcntl
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from communicator_simulations.sweep import Stored
from communicator_spec.errors import Explained

__all__ = ["DESCRIPTION", "FORMAT", "SUMMARY", "Described", "Store", "SweepError", "described", "is_complete", "packed",
           "unpacked", "write_whole"]  # fmt: skip

FORMAT: Final = "communicator-sweep/1"
DESCRIPTION: Final = "sweep.json"
"""What is swept: written before anything runs."""
SUMMARY: Final = "summary.json"
"""What was found: written last."""
_RUNS: Final = "tasks"
_TIMES: Final = "times.jsonl"


class SweepError(Explained, ValueError):
    """A sweep cannot go on, or its folder holds what cannot be used."""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A result file."""

    format: str
    task: str
    digest: str
    run: msgspec.Raw


class Described(msgspec.Struct, frozen=True):
    """A sweep as `sweep.json` tells it: each point's values, and its runs by name."""

    format: str
    id: str
    scenario: dict[str, object]
    seed: int
    fidelity: str
    points: list[dict[str, bool | int | float | str]]
    tasks: list[list[str]]


class _Ended(msgspec.Struct, frozen=True):
    """What a summary says of the sweep that it is of."""

    id: str


class _Time(msgspec.Struct, frozen=True):
    """How long a run took, in seconds."""

    task: str
    seconds: float


def packed(task: str, run: Stored) -> bytes:
    """Return the file of a run. A figure that was not reached (infinite) is written as null."""
    if any(math.isnan(x) or x == -math.inf for x in run.row.values()):
        raise ValueError(f"run {task} measured what is no number")
    body = msgspec.json.encode(run)
    return msgspec.json.encode(_File(FORMAT, task, hashlib.sha256(body).hexdigest(), msgspec.Raw(body))) + b"\n"


def unpacked(data: bytes, task: str) -> Stored:
    """Return the run that a file holds; raises `ValueError` that says what is wrong with it."""
    try:
        file = msgspec.json.decode(data, type=_File)
        whole = hashlib.sha256(file.run).hexdigest() == file.digest
        tree = msgspec.json.decode(file.run)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError("is cut off, or is no result") from None
    if file.format != FORMAT:
        raise ValueError(f"has the format {file.format!r} instead of {FORMAT!r}")
    if file.task != task:
        raise ValueError(f"holds another run ({file.task})")
    if not whole:
        raise ValueError("was changed: its digest does not match")
    try:
        tree["row"] = {name: math.inf if x is None else x for name, x in tree["row"].items()}
        return msgspec.convert(tree, Stored)
    except (msgspec.ValidationError, AttributeError, KeyError, TypeError):
        raise ValueError("holds no run") from None


def described(folder: Path) -> Described:
    """Return what is swept in a folder; raises `SweepError` if that is no sweep, or cannot be read."""
    path = folder / DESCRIPTION
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Described)
    except FileNotFoundError:
        raise SweepError(f"{folder} holds no sweep: there is no {DESCRIPTION}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SweepError(f"{path} is no description of a sweep ({error}); give the command again with --out") from None
    if found.format != FORMAT:
        raise SweepError(f"{path} has the format {found.format!r} instead of {FORMAT!r}; choose another --out")
    return found


def is_complete(folder: Path) -> None:
    """Raise `SweepError` unless the results in a folder are those of the whole sweep in it."""
    wanted = described(folder)
    try:
        ended = msgspec.json.decode((folder / SUMMARY).read_bytes(), type=_Ended).id == wanted.id
    except FileNotFoundError:
        ended = False
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SweepError(f"{folder / SUMMARY} is no summary ({error}); give the command of the sweep again") from None
    if not ended:
        raise SweepError(f"the sweep in {folder} is not finished; give its command again: it goes on where it stopped")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees all of it or what was there before."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class Store:
    """The finished runs in the folder of a sweep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs = folder / _RUNS

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, and keep other sweeps out of it; raises `SweepError` if one is there."""
        self._runs.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SweepError(f"{self.folder}: another sweep runs in this folder; wait, or choose --out") from None
            for part in self._runs.glob(".*.part"):  # of a process that was killed while it wrote
                part.unlink()
            yield

    def path(self, task: str) -> Path:
        """Return where the file of a run is or will be."""
        return self._runs / f"{task}.json"

    def keep(self, task: str, data: bytes, seconds: float) -> None:
        """Keep the file of a finished run, which is checked first: a worker may send anything."""
        try:
            unpacked(data, task)
        except ValueError as error:
            raise SweepError(f"what a worker sent for run {task} {error}") from None
        write_whole(self.path(task), data)
        with (self.folder / _TIMES).open("ab") as times:
            times.write(msgspec.json.encode(_Time(task, round(seconds, 3))) + b"\n")

    def read(self, task: str) -> Stored:
        """Return a finished run; raises `SweepError` with the file's name for one that cannot be used."""
        path = self.path(task)
        try:
            return unpacked(path.read_bytes(), task)
        except ValueError as error:
            raise SweepError(f"{path} {error}; delete it and give the same command: only its run is repeated") from None

    def finished(self, tasks: Iterable[str]) -> set[str]:
        """Return which of the runs are there, after a look into every file.

        Raises `SweepError` for the first file that cannot be used, and for one that is no result of any sweep.
        """
        there = {path.name for path in self._runs.iterdir()} if self._runs.is_dir() else set()
        for name in sorted(there):
            if not _is_ours(name):
                raise SweepError(f"{self._runs / name} is no result of a sweep; move it away, or choose another --out")
        found = {task for task in tasks if f"{task}.json" in there}
        for task in sorted(found):
            self.read(task)
        return found

    def refused(self, tasks: Iterable[str]) -> dict[str, str]:
        """Return the runs whose files cannot be used, with what is wrong with each."""
        lines = {}
        for task in tasks:
            try:
                if self.path(task).exists():
                    self.read(task)
            except SweepError as error:
                lines[task] = error.line
        return lines

    def seconds(self) -> dict[str, float]:
        """Return how long each finished run took, as far as that was noted down."""
        try:
            lines = (self.folder / _TIMES).read_bytes().splitlines()
        except OSError:
            return {}
        return {time.task: time.seconds for time in map(_time, lines) if time is not None}

    def write(self, name: str, value: object) -> None:
        """Write a JSON file into the folder, with stable bytes."""
        text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        write_whole(self.folder / name, text.encode())


def _time(line: bytes) -> _Time | None:
    try:
        return msgspec.json.decode(line, type=_Time)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _is_ours(name: str) -> bool:
    if name.startswith(".") and name.endswith(".part"):
        return True
    stem, dot, ending = name.partition(".")
    return dot + ending == ".json" and len(stem) == 32 and set(stem) <= set("0123456789abcdef")
