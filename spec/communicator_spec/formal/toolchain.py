"""Calling Quint (npm, version pinned in `spec/formal/package.json`), and finding the files that belong together.

Only what regenerates or re-examines the model needs Node; checking the model does not.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from communicator_spec.formal import ir
from communicator_spec.formal.values import FormalError

FOLDER = Path(__file__).parent.parent.parent / "formal"
GENERATED = Path(__file__).parent / "generated.py"


class ToolchainError(FormalError):
    """Quint or Node is missing, or Quint refuses the text; the message says which."""


def digests(folder: Path = FOLDER) -> dict[str, str]:
    """Return the SHA-256 of every Quint file of a folder, by name, in the order of the names."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.qnt"))}


def quint(*arguments: str, folder: Path = FOLDER) -> str:
    """Run Quint in a folder; return what it prints. `ToolchainError` if it is missing or fails."""
    return node(str(FOLDER / "node_modules" / ".bin" / "quint"), *arguments, folder=folder)


def node(*arguments: str, folder: Path = FOLDER) -> str:
    """Run a program of Node in a folder; return what it prints. `ToolchainError` if something is missing or fails."""
    if shutil.which("node") is None:
        raise ToolchainError("node is missing: install Node 18 or later (Debian: apt-get install nodejs npm)")
    if not (FOLDER / "node_modules" / ".bin" / "quint").exists():
        raise ToolchainError("Quint is missing: run `npm ci` in spec/formal, or `make formal`")
    done = subprocess.run(["node", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolchainError(f"{Path(arguments[0]).name} {' '.join(arguments[1:])}:\n{done.stdout}{done.stderr}")
    return done.stdout


def compiled(main: Path) -> bytes:
    """Return the type-checked form of a Quint file and of what it imports."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.json"
        quint("typecheck", "--out", str(out), main.name, folder=main.parent)
        return out.read_bytes()


def program(main: Path) -> ir.Program:
    """Return a Quint file and what it imports, decoded."""
    return ir.read(compiled(main))


def formatted(source: str) -> str:
    """Return Python source in this project's format; ruff lies beside the Python that runs."""
    command = [str(Path(sys.executable).parent / "ruff"), "format", "--line-length", "120", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolchainError(f"ruff format: {done.stderr}")
    return done.stdout
