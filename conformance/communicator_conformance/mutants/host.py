"""Starts a mutated program: `python -m communicator_conformance.mutants.host LIST NAME`.

Theory. A mutant is made while its module is loaded: everything else of the program is as it is, and nothing is written
anywhere. Starting Python and loading libraries costs far more than a mutant's few questions, so a **server** loads
what does not belong to the package once and forks for each mutant; `stub` is the program that the suite starts, and
hands its pipes over.

::

    python -m communicator_conformance.mutants.host LIST NAME            # this mutant speaks the line protocol
    python -m communicator_conformance.mutants.host LIST NAME -- MODULE ARGUMENTS
    python -m communicator_conformance.mutants.host LIST --serve SOCKET
    python -m communicator_conformance.mutants.host LIST --note FILE     # the program as it is, noting what it enters

Rules:

1. A mutant that does not fit its source stops with an error, before the program begins.
2. A fork loads the package anew: nothing that was loaded before the change is left of it.
3. A mutant ends when its stub does, however it ends.
"""

import gc
import importlib
import importlib.abc
import importlib.machinery
import os
import runpy
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import NoReturn

from communicator_conformance.mutants.listing import MutantList, files_of, read_list
from communicator_conformance.mutants.values import MutantError

__all__ = ["main"]

_MESSAGE = 4096


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads one module from a source of its own."""

    def __init__(self, fullname: str, path: str, source: bytes) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self._source, self.path, "exec")
        return code


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the one module that is to be changed."""

    def __init__(self, name: str, source: bytes) -> None:
        self._name = name
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin, self._source)
        return spec


def _change(rows: MutantList, name: str) -> None:
    mutant = rows.named(name)
    module = f"{rows.package}.{mutant.module}" if mutant.module else rows.package
    sys.meta_path.insert(0, _Finder(module, rows.changed(mutant)))


def _become(program: Sequence[str]) -> None:
    """Run the program as `python -m` would."""
    sys.argv = list(program)
    runpy.run_module(program[0], run_name="__main__", alter_sys=True)


# -------------------------------------------------------------------- what a program enters


def _note(package: str, path: Path) -> None:
    """Write down each function of the package that is entered, once for each number that the file begins with.

    The file is the suite's: its first eight bytes number the test that is being played, and a line is added behind
    them: number, module and qualified name.
    """
    board = os.open(path, os.O_RDWR)
    log = os.open(path, os.O_WRONLY | os.O_APPEND)
    modules = files_of(package)
    seen: set[tuple[bytes, CodeType]] = set()

    def entered(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or code.co_filename not in modules:
            return
        number = os.pread(board, 8, 0)
        if (number, code) not in seen:
            seen.add((number, code))
            os.write(log, f"{int.from_bytes(number)} {modules[code.co_filename]} {code.co_qualname}\n".encode())

    sys.setprofile(entered)


# -------------------------------------------------------------------- the server


class _Server:
    """Forks a mutant for each stub that connects, and ends it with its stub."""

    def __init__(self, rows: MutantList, program: Sequence[str], path: str) -> None:
        self._rows = rows
        self._program = program
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._stubs: dict[socket.socket, int] = {}
        self._waiting = selectors.DefaultSelector()
        self._woken, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> NoReturn:
        """Serve until whoever started this server closes its stdin."""
        for source in (self._listener, self._woken, sys.stdin):
            self._waiting.register(source, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in self._waiting.select():
                if key.fileobj is sys.stdin:
                    self._end()
                elif key.fileobj is self._listener:
                    self._fork()
                elif key.fileobj == self._woken:
                    os.read(self._woken, _MESSAGE)
                    self._reap()
                elif isinstance(key.fileobj, socket.socket):
                    self._drop(key.fileobj)

    def _fork(self) -> None:
        stub, _ = self._listener.accept()
        message, pipes, _, _ = socket.recv_fds(stub, _MESSAGE, 3)
        child = os.fork()
        if child == 0:
            self._be(message.decode().rstrip("\n"), pipes)
        for pipe in pipes:
            os.close(pipe)
        self._stubs[stub] = child
        self._waiting.register(stub, selectors.EVENT_READ)

    def _be(self, name: str, pipes: Sequence[int]) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for place, pipe in enumerate(pipes):
                os.dup2(pipe, place)
                os.close(pipe)
            self._waiting.close()
            for held in (self._listener, *self._stubs):
                held.close()
            if name:
                _change(self._rows, name)
            _become(self._program)
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _drop(self, stub: socket.socket) -> None:
        """A stub is gone: so is its mutant."""
        self._waiting.unregister(stub)
        os.kill(self._stubs.pop(stub), signal.SIGKILL)
        stub.close()

    def _reap(self) -> None:
        while True:
            try:
                child, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if child == 0:
                return
            for stub in [stub for stub, of in self._stubs.items() if of == child]:
                self._waiting.unregister(stub)
                del self._stubs[stub]
                stub.sendall(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))
                stub.close()

    def _end(self) -> NoReturn:
        for child in self._stubs.values():
            os.kill(child, signal.SIGKILL)
        sys.exit(0)


def _preload(package: str) -> None:
    """Load what the package needs, and forget the package itself (rule 2)."""
    importlib.import_module(package)
    for name in [name for name in sys.modules if name == package or name.startswith(package + ".")]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()


def main(arguments: list[str]) -> None:
    """Do what the arguments say."""
    own, _, program = (part.split("\0") for part in "\0".join(arguments).partition("\0--\0"))
    rows = read_list(Path(own[0]))
    command = [part for part in program if part] or list(rows.program)
    match own[1:]:
        case ["--serve", path]:
            _preload(rows.package)
            _Server(rows, command, path).run()
        case ["--note", path]:
            _note(rows.package, Path(path))
        case [name]:
            _change(rows, name)
        case _:
            raise MutantError("usage: host LIST NAME | --serve SOCKET | --note FILE [-- MODULE ARGUMENTS]")
    _become(command)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except MutantError as error:
        sys.exit(str(error))
