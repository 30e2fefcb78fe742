"""The sources that decide the result of a simulation, as one digest: other code, other results."""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

__all__ = ["source_digest"]

_PACKAGES: Final = ("communicator_spec", "communicator_model", "communicator_impl", "communicator_simulations")


@cache
def source_digest() -> str:
    """Return the digest of the sources that decide the result of a simulation, in hex."""
    whole = sha256()
    for package in _PACKAGES:
        root = Path(str(files(package)))
        for path in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".toml") and p.is_file()):
            name = f"{package}/{path.relative_to(root).as_posix()}"
            whole.update(name.encode() + b"\0" + sha256(path.read_bytes()).digest())
    return whole.hexdigest()
