"""`results.json`: a study as data, for programs. Page and PDF are drawn from it, so it has all that they say.

Its form is `results.schema.json` beside this module (JSON Schema), which is made from the types here by
`python -m communicator_reports.results_file`. A number is a `Quantity`: as it is shown, and
as a number with the ends of its interval. The numbers of a figure are the data sets of its Vega-Lite specifications.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from communicator_reports.claims import Judged
from communicator_reports.document import Document
from communicator_reports.findings import Provenance
from communicator_simulations.results import ResultsError

__all__ = ["FORM", "Results", "decode", "encode", "schema"]

FORM: Final = "communicator results 1"
_AGAIN: Final = "draw it again with: communicator report build"


class Results(msgspec.Struct, frozen=True):
    """A study as data."""

    form: str
    provenance: Provenance
    claims: tuple[Judged, ...]
    document: Document


def encode(document: Document, provenance: Provenance, claims: tuple[Judged, ...]) -> bytes:
    """Return the bytes of the file."""
    return msgspec.json.format(msgspec.json.encode(Results(FORM, provenance, claims, document)), indent=1) + b"\n"


def decode(data: bytes, name: str = "results.json") -> Results:
    """Read the file; raise `ResultsError` if it is none."""
    try:
        found = msgspec.json.decode(data, type=Results)
    except msgspec.DecodeError as error:
        raise ResultsError(f"{name}: {error}; {_AGAIN}") from None
    if found.form != FORM:
        raise ResultsError(f"{name}: its form is {found.form!r}, not {FORM!r}; {_AGAIN}")
    return found


def schema() -> str:
    """Return the JSON Schema of the file."""
    found: dict[str, Any] = msgspec.json.schema(Results, schema_hook=lambda _: {"description": "of Vega-Lite"})
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": FORM}
    return json.dumps({**head, **found}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("results.schema.json").write_text(schema(), "utf-8")
    sys.exit(0)
