"""Vectors: one case a file, one fault a case, checked before anything is believed.

Theory. A vector is a short story in the line protocol: steps that build the state from explicit
secrets, then the one step that is judged, its **phase**. A positive vector says what a conforming
implementation answers. A negative one is its twin with one thing wrong: the same steps but for one
that is changed, added or missing. After the phase a negative goes on with a **probe**: steps that
must succeed on the very same objects, because an implementation that refuses by falling over has
not refused.

Rules:

1. Unknown keys, unknown operations, unknown arguments and dangling references fail the file.
2. `id` is the area and the case, equal to the file's place, and never changes (a test that changes
   is a new test).
3. Every negative names a positive twin, differs from it in exactly one step up to the phase, and
   carries a probe.
4. A file states the digest of the table of parameters that it was made for; another table fails it.
5. `"$name.field"` in an argument stands for that field of the step called `name`; `"$name.field.0"`
   for an item of a list.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from communicator_conformance.errors import VectorError
from communicator_conformance.operations import OPERATIONS, misfit, needs_of
from communicator_spec.errors import ErrorClass
from communicator_spec.parameters import PARAMETERS

__all__ = [
    "FORMAT",
    "Expect",
    "Post",
    "Ruling",
    "Source",
    "Step",
    "Vector",
    "commitment",
    "digest_of",
    "load_folder",
    "parse",
    "published",
    "spec_digest",
    "step_entropy",
]

FORMAT = 1


class Ruling(StrEnum):
    """What must become of the judged step."""

    ACCEPT = "accept"
    IGNORE = "ignore"
    REJECT = "reject"
    MAY_REJECT = "may-reject"  # both are conforming; a refusal must have the class


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Source(_Strict, frozen=True):
    """What made the vector."""

    name: str
    version: str


class Step(_Strict, frozen=True):
    """One request; `result` is compared always, `drawn` only with a derandomised testee."""

    name: str
    op: str
    args: dict[str, object]
    now: int | None = None
    result: dict[str, object] = {}
    drawn: dict[str, object] = {}


class Expect(_Strict, frozen=True):
    """The ruling on the step called `phase`, and the class of a refusal."""

    verdict: Ruling
    phase: str
    error_class: ErrorClass | None = msgspec.field(name="class", default=None)


class Post(_Strict, frozen=True):
    """The state at the end: one read-only operation, what it gives, and the digest of that."""

    op: str
    args: dict[str, object]
    state: dict[str, object]
    commitment: str


class Vector(_Strict, frozen=True):
    """One case."""

    id: str
    title: str
    clauses: tuple[str, ...]
    spec: str
    format: int
    source: Source
    now: int
    entropy: str
    steps: tuple[Step, ...]
    expect: Expect
    flags: tuple[str, ...] = ()
    twin: str | None = None
    probe: tuple[Step, ...] = ()
    post: Post | None = None

    @property
    def negative(self) -> bool:
        """Whether the judged step must not be taken."""
        return self.expect.verdict in (Ruling.REJECT, Ruling.IGNORE)

    @property
    def needs(self) -> frozenset[str]:
        """What the hello must offer for this vector to apply; the state at the end is extra."""
        return needs_of(s.op for s in (*self.steps, *self.probe))


def commitment(state: Mapping[str, object]) -> str:
    """Return SHA-256 of a state as JSON with sorted keys and no spaces, in hex."""
    return hashlib.sha256(msgspec.json.encode(state, order="sorted")).hexdigest()


def step_entropy(vector: Vector, step: str) -> str:
    """Return the seed of one step: SHA-256(vector's entropy ‖ step's name), in hex."""
    return hashlib.sha256(bytes.fromhex(vector.entropy) + step.encode()).hexdigest()


@cache
def spec_digest() -> str:
    """Return the digest of the parameters that vectors depend on, in hex."""
    p = PARAMETERS
    return hashlib.sha256(msgspec.json.encode([p.suite, p.address, p.envelope, p.session])).hexdigest()


def digest_of(vectors: Mapping[str, Vector]) -> str:
    """Return the digest of a set of vectors, in hex."""
    rows = [vectors[name] for name in sorted(vectors)]
    return hashlib.sha256(msgspec.json.encode(rows, order="sorted")).hexdigest()


def parse(data: bytes, place: str) -> Vector:
    """Read one file and hold it against rules 1, 2 and 4; `place` is `area/case`."""
    try:
        vector = msgspec.json.decode(data, type=Vector)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # not JSON, not UTF-8, too deep
        raise VectorError(f"{place}: {error}") from error
    _check_head(vector, place)
    _check_steps(vector)
    _check_expect(vector)
    _check_bytes(vector)
    return vector


def load_folder(folder: Traversable) -> dict[str, Vector]:
    """Read all vectors of a folder, `area/case.json` each, and check the twins."""
    areas = sorted((a for a in folder.iterdir() if a.is_dir()), key=lambda a: a.name)
    found = [(f"{a.name}/{f.name}", f) for a in areas for f in a.iterdir() if f.name.endswith(".json")]
    places = {place.removesuffix(".json"): file for place, file in sorted(found, key=lambda row: row[0])}
    vectors = {place: parse(file.read_bytes(), place) for place, file in places.items()}
    for vector in vectors.values():
        _check_twin(vector, vectors)
    return vectors


def published() -> dict[str, Vector]:
    """Return the vectors that this suite ships, by id."""
    return load_folder(files("communicator_conformance") / "vectors")


def _require(condition: bool, vector: Vector, why: str) -> None:
    if not condition:
        raise VectorError(f"{vector.id}: {why}")


def _check_head(vector: Vector, place: str) -> None:
    _require(vector.id == place, vector, f"stands at {place}")
    _require(vector.format == FORMAT, vector, f"format {vector.format}, this suite reads {FORMAT}")
    _require(vector.spec == spec_digest(), vector, "made for another table of parameters")
    _require(bool(vector.clauses), vector, "cites no clause")


def _check_steps(vector: Vector) -> None:
    known: set[str] = set()
    for step in (*vector.steps, *vector.probe):
        operation = OPERATIONS.get(step.op)
        _require(operation is not None, vector, f"unknown operation {step.op}")
        assert operation is not None
        given = step.args.keys()
        fits = operation.takes <= given <= operation.takes | operation.optional
        _require(fits, vector, f"{step.name}: arguments of {step.op} are {sorted(operation.takes)}")
        results = {*step.result, *step.drawn}
        _require(results <= operation.gives | operation.optional, vector, f"{step.name}: unknown result")
        _require(step.name not in known, vector, f"{step.name} stands twice")
        _require(_references(step.args) <= known, vector, f"{step.name}: reference to no earlier step")
        known.add(step.name)


def _check_expect(vector: Vector) -> None:
    _require(bool(vector.steps), vector, "no step")
    expect, refused = vector.expect, vector.expect.verdict in (Ruling.REJECT, Ruling.MAY_REJECT)
    _require(expect.phase == vector.steps[-1].name, vector, "the phase is the last step")
    _require(refused == (expect.error_class is not None), vector, "a class belongs to a refusal")
    _require(vector.negative == bool(vector.probe), vector, "a probe belongs to a negative")
    _require(vector.negative == (vector.twin is not None), vector, "a twin belongs to a negative")
    if vector.post is not None:
        _require(commitment(vector.post.state) == vector.post.commitment, vector, "commitment")


def _check_bytes(vector: Vector) -> None:
    """Hold everything that is to be taken against the wire schema: all steps but the phase of a refusal."""
    accepted = vector.expect.verdict is Ruling.ACCEPT
    for step in (*(vector.steps if accepted else vector.steps[:-1]), *vector.probe):
        operation = OPERATIONS[step.op]
        why = misfit(operation.taken, step.args) or misfit(operation.given, {**step.result, **step.drawn})
        _require(why is None, vector, f"{step.name}: {why}")


def _check_twin(vector: Vector, vectors: Mapping[str, Vector]) -> None:
    if vector.twin is None:
        return
    twin = vectors.get(vector.twin)
    _require(twin is not None and not twin.negative, vector, "its twin is no positive vector")
    assert twin is not None
    _require(_one_step_apart(_bare(vector), _bare(twin)), vector, f"not exactly one step apart from {twin.id}")


def _bare(vector: Vector) -> list[tuple[str, int, bytes]]:
    """Return the steps as far as they are input."""
    return [
        (s.op, vector.now if s.now is None else s.now, msgspec.json.encode(s.args, order="sorted"))
        for s in vector.steps
    ]


def _one_step_apart(one: list[tuple[str, int, bytes]], other: list[tuple[str, int, bytes]]) -> bool:
    short, long = sorted((one, other), key=len)
    head = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) == len(long):
        return short != long and short[head + 1 :] == long[head + 1 :]
    return len(long) - len(short) == 1 and short[head:] == long[head + 1 :]


def _references(value: object) -> set[str]:
    if isinstance(value, str):
        return {value[1:].split(".")[0]} if value.startswith("$") else set()
    if isinstance(value, dict):
        return set().union(*(_references(v) for v in value.values()))
    if isinstance(value, list):
        return set().union(*(_references(v) for v in value))
    return set()
