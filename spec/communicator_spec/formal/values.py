"""The values of a Quint model in Python, and the operators that Python does not have.

A Quint value is one of: bool, int, str, frozenset (Set), tuple (Tup and List), `Map`, `Variant` (a case of a sum type),
and a NamedTuple class per record type. All are immutable and hashable, so a state is a value too, and two states are
equal exactly when Quint says so. Rules:

- An operator that Quint leaves undefined (`nth` outside a list, `get` of a missing key) raises `Undefined`. Nothing is
  guessed: a model that runs into it is wrong.
- Python's habits that Quint does not share are closed off here: negative indices, slices beyond the end.
- `rank` is a total order on values of one type. Everything that enumerates a set goes through `ordered`, so no result
  depends on the seed of Python's hashes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Any, NamedTuple, TypeVar, cast

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
R = TypeVar("R", bound=tuple[object, ...])


class FormalError(Exception):
    """What goes wrong in the formal layer: `Undefined`, `Untranslatable`, `Ambiguous` or `ToolchainError`."""


class Undefined(FormalError):
    """The model asks for something that Quint leaves undefined; the model is at fault."""


class Map(dict[K, V]):
    """A finite function. Never changed after its construction; the hash is computed once."""

    __slots__ = ("_hash",)

    def __hash__(self) -> int:  # type: ignore[override]
        try:
            return self._hash
        except AttributeError:
            self._hash: int = hash(frozenset(self.items()))
            return self._hash

    def __missing__(self, key: K) -> V:
        raise Undefined(f"no key {key!r} among {ordered(frozenset(self))!r}")

    def set(self, key: K, value: V) -> "Map[K, V]":
        """Return the map with another value for a key that it has."""
        if self[key] is value:
            return self
        changed = Map(self)
        changed[key] = value
        return changed

    def put(self, key: K, value: V) -> "Map[K, V]":
        """Return the map with a value for a key that it may not have."""
        changed = Map(self)
        changed[key] = value
        return changed


class Variant(NamedTuple):
    """A case of a sum type."""

    label: str
    value: object


def rank(value: object) -> Any:  # noqa: ANN401  # an int, a str, or a list or tuple of ranks
    """Return a key that orders values of one type totally, whatever the seed of Python's hashes."""
    if isinstance(value, (int, str)):
        return value
    if isinstance(value, frozenset):
        return sorted(map(rank, value))
    if isinstance(value, Map):
        return sorted((rank(k), rank(v)) for k, v in value.items())
    if isinstance(value, tuple):
        return tuple(map(rank, value))
    raise TypeError(f"not a value of a model: {value!r}")


def ordered(values: Iterable[T]) -> Sequence[T]:
    """Enumerate a set, smallest first (`rank`)."""
    if isinstance(values, (range, tuple)):  # generated code has ordered these
        return cast("Sequence[T]", values)
    listed = list(values)
    if len(listed) < 2:
        return listed
    if isinstance(listed[0], (int, str)):
        return sorted(cast("list[Any]", listed))
    return sorted(listed, key=rank)


def choices(values: Collection[T], want: Mapping[str, object] | None, name: str) -> Collection[T]:
    """Enumerate what `nondet name = oneOf(values)` may pick: all, or only what is wanted, if that is in the set."""
    if want is None or name not in want:
        return values if len(values) < 2 or type(values) is tuple else ordered(values)
    wanted = want[name]
    return [value for value in values if value == wanted]


_POSITIONS: dict[type, dict[str, int]] = {}


def but(record: R, /, **changes: object) -> R:
    """Return a record with other values for the fields that are named."""
    kind = type(record)
    positions = _POSITIONS.get(kind)
    if positions is None:
        fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
        positions = _POSITIONS[kind] = {name: i for i, name in enumerate(fields)}
    values = list(record)
    for name, value in changes.items():
        values[positions[name]] = value
    return tuple.__new__(kind, values)


def nth(values: tuple[T, ...], index: int) -> T:
    """Return the element of a list at an index, from 0."""
    if 0 <= index < len(values):
        return values[index]
    raise Undefined(f"no index {index} in a list of {len(values)}")


def tail(values: tuple[T, ...]) -> tuple[T, ...]:
    """Return all elements of a list but the first."""
    if values:
        return values[1:]
    raise Undefined("the tail of an empty list")


def slice_of(values: tuple[T, ...], start: int, end: int) -> tuple[T, ...]:
    """Return the elements of a list from `start` to before `end`."""
    if 0 <= start <= end <= len(values):
        return values[start:end]
    raise Undefined(f"no slice {start} to {end} in a list of {len(values)}")


def replace_at(values: tuple[T, ...], index: int, value: T) -> tuple[T, ...]:
    """Return the list with another element at an index."""
    if 0 <= index < len(values):
        return (*values[:index], value, *values[index + 1 :])
    raise Undefined(f"no index {index} in a list of {len(values)}")


def only(values: frozenset[T]) -> T:
    """Return the one element of a set that has one."""
    if len(values) == 1:
        return next(iter(values))
    raise Undefined(f"a set of {len(values)} has no only element")


def divide(a: int, b: int) -> int:
    """Divide, rounding towards 0, as Quint does."""
    if b == 0:
        raise Undefined("division by zero")
    return a // b if (a < 0) == (b < 0) else -(-a // b)


def remainder(a: int, b: int) -> int:
    """Return what `divide` leaves; it has the sign of `a`."""
    return a - b * divide(a, b)


def power(base: int, exponent: int) -> int:
    """Raise to a power that is not negative; 0^0 is undefined."""
    if exponent < 0 or base == exponent == 0:
        raise Undefined(f"{base}^{exponent}")
    return int(base**exponent)


def powerset(values: frozenset[T]) -> frozenset[frozenset[T]]:
    """Return all subsets."""
    return frozenset(frozenset(chosen) for n in range(len(values) + 1) for chosen in combinations(values, n))


def tuples(*sets: Iterable[object]) -> frozenset[tuple[object, ...]]:
    """Return the Cartesian product."""
    return frozenset(product(*sets))
