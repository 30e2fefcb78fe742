"""The vectors by themselves: one archive for whoever brings a runner of his own.

Theory. The vectors need nothing of this suite but their format, so they travel alone: the files as they are, a JSON
Schema of one (2020-12, made from the types that read them), what each operation needs, takes and gives, a page that
says how one is played, and digests. The same vectors make the same archive, byte for byte: no date, no order of a file
system.

Rules:

1. The archive is played with nothing else; a test does so with a runner that imports nothing of this project.
2. `vector.schema.json` is committed and compared: a change of the format is seen.
"""

import hashlib
import io
import zipfile
from importlib.resources import files
from pathlib import Path

import msgspec

from communicator_conformance.operations import OPERATIONS
from communicator_conformance.vectors import FORMAT, Vector, digest_of, published, spec_digest

__all__ = ["archive", "contents", "schema", "write"]

_DATE = (1980, 1, 1, 0, 0, 0)  # the first that the format knows
_MODE = 0o644 << 16
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> bytes:
    """Return the JSON Schema of one vector."""
    return _pretty({"$schema": _DRAFT, **msgspec.json.schema(Vector, schema_hook=_any)})


def contents() -> dict[str, bytes]:
    """Return the files of the archive by name, in order."""
    home, vectors = files("communicator_conformance"), published()
    made = {f"vectors/{name}.json": (home / "vectors" / f"{name}.json").read_bytes() for name in vectors}
    about = {"format": FORMAT, "spec": spec_digest(), "digest": digest_of(vectors), "vectors": len(vectors)}
    made["README.md"] = (home / "bundle.md").read_bytes()
    made["manifest.json"] = _pretty(about)
    made["operations.json"] = _pretty({name: _operation(name) for name in sorted(OPERATIONS)})
    made["vector.schema.json"] = (home / "vector.schema.json").read_bytes()
    sums = "".join(f"{hashlib.sha256(made[name]).hexdigest()}  {name}\n" for name in sorted(made))
    return dict(sorted({**made, "SHA256SUMS": sums.encode()}.items()))


def archive() -> bytes:
    """Return the archive, a zip file: about 0.5 s."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as whole:
        for name, data in contents().items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, _MODE, 3
            whole.writestr(entry, data)
    return out.getvalue()


def write(out: Path) -> int:
    """Write the archive if the name ends in `.zip`, else its files into a folder; return how many files there are."""
    made = contents()
    if out.suffix == ".zip":
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(archive())
        return len(made)
    for name, data in made.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    return len(made)


def _any(_type: type) -> dict[str, str]:
    return {"description": "any JSON; the operation says what"}


def _operation(name: str) -> dict[str, list[str]]:
    o = OPERATIONS[name]
    told = {"needs": o.needs, "takes": o.takes, "optional": o.optional, "gives": o.gives}
    return {what: sorted(names) for what, names in told.items()}


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


if __name__ == "__main__":  # python -m communicator_conformance.bundle: write the schema beside this file
    Path(__file__).with_name("vector.schema.json").write_bytes(schema())
