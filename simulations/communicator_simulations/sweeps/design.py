"""What a sweep varies, and which points of that space are run.

Theory. A grid runs every combination, so its size is a product; each axis more multiplies it. A Latin hypercube
(McKay, Beckman, Conover 1979) of N samples cuts each axis into N strata of equal probability and takes each stratum
once, in an order drawn for each axis: N runs show each axis at N places, however many axes there are.

Rules:

1. An axis is a list of values (`24,168`) or a range (`0:0.1`; `0:0.1:5` is five values; `1:1000:log` is even in its
   logarithm). A grid needs values; a hypercube takes both, and gives each value of a list the same share.
2. The draws of an axis depend on the seed and its name alone: an axis that is added moves no other.
3. A parameter may follow one that is varied (`[sweep.tie]`), such as a refresh time its lifetime; it is no axis.
4. Everything is checked before anything runs: each point is a scenario that could be run.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final, Literal, NamedTuple

import msgspec

from communicator_model.draws import stream
from communicator_simulations.scenario import Scenario, ScenarioError, check_scenario, decoded
from communicator_simulations.sweeps.parameters import Parameter, Value, changed, parameters

__all__ = ["Axis", "Design", "Point", "Tie", "axis", "points", "read_design"]

POINTS_MAX: Final = 100_000
"""More than anybody waits for: a slip of the finger."""


class Span(NamedTuple):
    """A range of numbers, even in their logarithm or in themselves."""

    low: float
    high: float
    log: bool

    def at(self, share: float) -> float:
        """Return the number at a share of the range, to six digits."""
        if self.log:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        return float(f"{value:.6g}")


class Axis(NamedTuple):
    """One parameter that is varied: its values, or its range; `ranged`: values out of a range may be rounded."""

    name: str
    values: tuple[Value, ...]
    span: Span | None = None
    ranged: bool = False

    def at(self, share: float) -> Value:
        """Return the value at a share, in [0, 1), of the axis."""
        return self.values[int(share * len(self.values))] if self.span is None else self.span.at(share)


class Tie(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parameter that follows one that is varied: `times` its value."""

    to: str
    times: float


class Design(msgspec.Struct, frozen=True):
    """What is varied, and how: every combination, or `samples` points of a Latin hypercube; and what follows it."""

    axes: tuple[Axis, ...]
    kind: Literal["grid", "lhs"] = "grid"
    samples: int = 0
    ties: tuple[tuple[str, Tie], ...] = ()


class Point(NamedTuple):
    """One scenario of a sweep, and the values that make it."""

    values: tuple[tuple[str, Value], ...]
    scenario: Scenario


class _SweepTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[sweep]` of a scenario file."""

    vary: dict[str, object]
    tie: dict[str, object] = {}
    design: Literal["grid", "lhs"] | None = None
    samples: int | None = None


def axis(name: str, text: str) -> Axis:
    """Read what is written behind `NAME=`; raises `ScenarioError` for what is no list and no range."""
    parts = text.split(":")
    if len(parts) == 1:
        return _values(name, [_value(part) for part in text.split(",")])
    log = parts[-1] == "log"
    numbers = [_value(part) for part in (parts[:-1] if log else parts)]
    bounds = [float(x) for x in numbers if isinstance(x, (int, float)) and not isinstance(x, bool)]
    steps = numbers[2] if len(numbers) == 3 else None
    if not 2 <= len(numbers) == len(bounds) <= 3 or not all(map(math.isfinite, bounds)):
        raise ScenarioError(f"{name}={text}: a range is LOW:HIGH, LOW:HIGH:STEPS or LOW:HIGH:log")
    if not bounds[0] < bounds[1] or (log and bounds[0] <= 0):
        raise ScenarioError(f"{name}={text}: LOW must be below HIGH, and above 0 with :log")
    span = Span(bounds[0], bounds[1], log)
    if steps is None:
        return Axis(name, (), span, ranged=True)
    if not isinstance(steps, int) or not 2 <= steps <= POINTS_MAX:
        raise ScenarioError(f"{name}={text}: STEPS must be a whole number, 2 at least")
    return Axis(name, tuple(span.at(i / (steps - 1)) for i in range(steps)), ranged=True)


def _values(name: str, values: Sequence[Value]) -> Axis:
    finite = all(math.isfinite(value) for value in values if isinstance(value, float))
    if not values or "" in values or not finite or len(set(map(repr, values))) < len(values):
        raise ScenarioError(f"{name}: an axis needs finite values, each once, with commas between them")
    return Axis(name, tuple(values))


def _value(text: str) -> Value:
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def read_design(scenario: str, vary: Sequence[str], kind: Literal["grid", "lhs"] | None, samples: int | None) -> Design:
    """Return the design of a scenario file's `[sweep]`, with what the command line says instead and beside it.

    `vary` holds texts `NAME=VALUES`. Raises `ScenarioError` for a design that cannot be, and one that varies nothing.
    """
    table = _table(scenario)
    axes = {name: _of_file(name, value) for name, value in _flat(table.vary, "")}
    for text in vary:
        name, equals, values = text.partition("=")
        if not equals:
            raise ScenarioError(f"--vary {text}: write NAME=VALUES, for example weather.loss=0,0.01,0.1")
        axes[name] = axis(name, values)
    samples = table.samples if samples is None else samples
    kind = kind or (table.design or ("lhs" if samples else "grid"))
    if not axes:
        raise ScenarioError("nothing is varied; add --vary NAME=VALUES, or a table [sweep.vary] to the scenario")
    if kind == "lhs" and not 1 <= (samples or 0) <= POINTS_MAX:
        raise ScenarioError(f"a Latin hypercube needs --samples N, from 1 to {POINTS_MAX:,}")
    if kind == "grid" and samples:
        raise ScenarioError("a grid runs every combination; leave --samples out, or use --design lhs")
    ties = [(name, _tie(scenario, name, value, axes)) for name, value in _flat(table.tie, "", leaf="to")]
    return Design(tuple(axes.values()), kind, samples or 0, tuple(ties))


def _tie(scenario: str, name: str, value: object, axes: Mapping[str, Axis]) -> Tie:
    try:
        tie = msgspec.convert(value, Tie)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{scenario}: [sweep.tie] {name}: {error}") from None
    if name in axes:
        raise ScenarioError(f"{scenario}: [sweep.tie] {name}: is varied itself; a parameter cannot be both")
    return tie


def _table(scenario: str) -> _SweepTable:
    try:
        return msgspec.convert(decoded(scenario).get("sweep", {"vary": {}}), _SweepTable)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{scenario}: [sweep]: {error}") from None


def _flat(table: Mapping[str, object], prefix: str, leaf: str | None = None) -> list[tuple[str, object]]:
    """Return the values of nested tables by dotted names; a table with the key `leaf` is a value."""
    rows: list[tuple[str, object]] = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        rows += _flat(value, f"{name}.", leaf) if isinstance(value, dict) and leaf not in value else [(name, value)]
    return rows


def _of_file(name: str, value: object) -> Axis:
    if isinstance(value, str):
        return axis(name, value)
    given = value if isinstance(value, list) else [value]
    values = [x for x in given if isinstance(x, (bool, int, float, str))]
    if len(values) < len(given):
        raise ScenarioError(f'[sweep.vary] {name}: write a list of values, or a range such as "0:0.1"')
    return _values(name, values)


def points(scenario: Scenario, design: Design, seed: int) -> list[Point]:
    """Return the points of a design, each of them checked.

    Raises `ScenarioError` that names the parameter or the point which cannot be.
    """
    known = parameters(scenario)
    rows = _grid(design.axes) if design.kind == "grid" else _hypercube(design, seed)
    found = []
    for row in rows:
        values = []
        point = scenario
        for one, value in zip(design.axes, row, strict=True):
            rounded = one.ranged and one.name in known and known[one.name].whole and isinstance(value, float)
            values.append((one.name, round(value) if rounded else value))  # type: ignore[arg-type]
            point = changed(point, *values[-1])
        for name, tie in design.ties:
            point = changed(point, name, _tied(tie, values, known.get(name)))
        found.append(Point(tuple(values), _checked(point, ", ".join(f"{n}={v}" for n, v in values))))
    return found


def _tied(tie: Tie, values: Sequence[tuple[str, Value]], parameter: Parameter | None) -> Value:
    """Return the value of a parameter that follows another."""
    leading = dict(values).get(tie.to)
    if not isinstance(leading, (int, float)):
        raise ScenarioError(f"[sweep.tie]: {tie.to!r} is not varied, or no number")
    value = float(f"{tie.times * leading:.6g}")
    return round(value) if parameter is not None and parameter.whole else value


def _checked(scenario: Scenario, name: str) -> Scenario:
    try:
        return check_scenario(scenario, name)
    except ScenarioError as error:
        line = error.line.removeprefix(f"{name}: ")
        raise ScenarioError(f"the point {name} cannot be: {line}") from None


def _grid(axes: Sequence[Axis]) -> list[tuple[Value, ...]]:
    for one in axes:
        if one.span is not None:
            text = f"{one.span.low:g}:{one.span.high:g}"
            raise ScenarioError(f"{one.name}={text}: a grid needs steps ({text}:5), or use --design lhs --samples N")
    size = math.prod(len(one.values) for one in axes)
    if size > POINTS_MAX:
        raise ScenarioError(f"this grid has {size:,} points; use fewer values, or --design lhs --samples N")
    return list(product(*(one.values for one in axes)))


def _hypercube(design: Design, seed: int) -> list[tuple[Value, ...]]:
    n = design.samples
    columns = []
    for one in design.axes:
        order, place = stream(seed, f"strata of {one.name}"), stream(seed, f"places of {one.name}")
        strata = sorted(range(n), key=lambda i: order(i, 0))
        columns.append([one.at((stratum + place(i, 0)) / n) for i, stratum in enumerate(strata)])
    return list(zip(*columns, strict=True))
