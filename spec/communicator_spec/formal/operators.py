"""Quint's built-in operators in Python: one entry or one case each.

Operators that Python has under another sign are in `INFIX`, those that `values` has in `CALLS`. Three rules:

1. A chain of `with` (a spread) becomes one construction.
2. What is only gone through, or looked into, is not made a set first (`iterable`).
3. `fold` on a set goes from the smallest element to the largest: Quint leaves the order open.
"""

from collections.abc import Callable, Sequence

from communicator_spec.formal import ir
from communicator_spec.formal.expressions import OPPOSITE, Expressions
from communicator_spec.formal.resolve import Untranslatable
from communicator_spec.formal.source import (
    AND,
    ATOM,
    COMPARED,
    INTERSECTION,
    NOT,
    OR,
    PRODUCT,
    SIGN,
    SUM,
    TERNARY,
    UNION,
    Block,
    Target,
    Text,
)
from communicator_spec.formal.types import field_name

# Built-in operator: Python's, how it binds, how tightly each operand must bind.
INFIX = {
    "eq": ("==", COMPARED, UNION, UNION),
    "iff": ("==", COMPARED, UNION, UNION),
    "neq": ("!=", COMPARED, UNION, UNION),
    "ilt": ("<", COMPARED, UNION, UNION),
    "ilte": ("<=", COMPARED, UNION, UNION),
    "igt": (">", COMPARED, UNION, UNION),
    "igte": (">=", COMPARED, UNION, UNION),
    "subseteq": ("<=", COMPARED, UNION, UNION),
    "union": ("|", UNION, UNION, INTERSECTION),
    "intersect": ("&", INTERSECTION, INTERSECTION, SUM),
    "exclude": ("-", SUM, SUM, PRODUCT),
    "iadd": ("+", SUM, SUM, PRODUCT),
    "isub": ("-", SUM, SUM, PRODUCT),
    "concat": ("+", SUM, SUM, PRODUCT),
    "imul": ("*", PRODUCT, PRODUCT, SIGN),
}
CALLS = {
    "idiv": "divide",
    "imod": "remainder",
    "ipow": "power",
    "nth": "nth",
    "tail": "tail",
    "slice": "slice_of",
    "replaceAt": "replace_at",
    "powerset": "powerset",
    "tuples": "tuples",
    "getOnlyElement": "only",
    "setToMap": "Map",
}
SMALL = 6  # records of at most so many fields are built by their constructor, larger ones by `but`


class Operators(Expressions):
    """Translates expressions with all operators that are known."""

    def builtin(self, expr: ir.App, out: Block) -> Text:
        """Return the application of an operator that Quint has; `Untranslatable` if it is not known here."""
        opcode, args = expr.opcode, expr.args
        if opcode in INFIX:
            symbol, level, left, right = INFIX[opcode]
            first, second = (self.value(arg, out) for arg in args)
            return Text(f"{first.at(left)} {symbol} {second.at(right)}", level)
        if opcode in CALLS:
            return Text(f"{CALLS[opcode]}({', '.join(self.value(arg, out).text for arg in args)})")
        known: dict[str, Callable[[ir.App, Block], Text]] = {
            "Rec": self._record,
            "with": self._with,
            "Set": self._set,
            "Tup": self._tuple,
            "List": self._tuple,
            "Map": self._map_literal,
            "in": self.membership,
            "contains": self.membership,
            "map": self._comprehension,
            "filter": self._comprehension,
            "select": self._comprehension,
            "exists": self._quantifier,
            "forall": self._quantifier,
            "mapBy": self._map_by,
            "setBy": self._set_by,
            "fold": self._fold,
            "foldl": self._fold,
            "foldr": self._fold,
            "size": self._size,
            "length": self._size,
        }
        return known[opcode](expr, out) if opcode in known else self._plain(expr, out)

    def _plain(self, expr: ir.App, out: Block) -> Text:
        """Operators whose arguments are values, one template each."""
        args = expr.args
        match expr.opcode:
            case "not":
                return Text(self.negation(args[0], out), NOT if self._needs_not(args[0]) else AND)
            case "to" | "range" | "indices":
                return Text(f"{'tuple' if expr.opcode == 'range' else 'frozenset'}({self.iterable(expr, out).text})")
            case "keys":
                return Text(f"frozenset({self.value(args[0], out).text})")
            case "field":
                name = args[1]
                assert isinstance(name, ir.Str)
                return Text(f"{self.value(args[0], out).at(ATOM)}.{field_name(name.value)}")
            case "item":
                assert isinstance(args[1], ir.Int)
                return Text(f"{self.value(args[0], out).at(ATOM)}[{args[1].value - 1}]")
            case "variant":
                label, value = (self.value(arg, out).text for arg in args)
                return Text(f"Variant({label}, {value})")
        values = [self.value(arg, out) for arg in args]
        first = values[0].at(ATOM) if values else ""
        match expr.opcode:
            case "iuminus":
                return Text(f"-{values[0].at(SIGN)}", SIGN)
            case "get":
                return Text(f"{first}[{values[1].text}]")
            case "set" | "put":
                return Text(f"{first}.{expr.opcode}({values[1].text}, {values[2].text})")
            case "append":
                return Text(f"(*{values[0].at(UNION)}, {values[1].at(OR)})")
            case "head":
                return Text(f"nth({values[0].text}, 0)")
            case "flatten":
                return Text(f"frozenset[object]().union(*{values[0].at(UNION)})")
        raise Untranslatable(f"the operator {expr.opcode}")

    def _needs_not(self, expr: ir.Expr) -> bool:
        return not (isinstance(expr, ir.App) and expr.opcode in ("not", *OPPOSITE, "in", "contains"))

    def _record(self, expr: ir.App, out: Block) -> Text:
        if not expr.args:
            return Text("()")
        given: dict[str, str] = {}
        for label, value in zip(expr.args[::2], expr.args[1::2], strict=True):
            assert isinstance(label, ir.Str)
            given[label.value] = self.value(value, out).at(TERNARY)
        record = self.types.record_of(expr)
        if record is None or set(record.fields) != set(given):
            raise Untranslatable(f"a record of open type: {sorted(given)}")
        return Text(f"{record.name}({', '.join(f'{field_name(name)}={given[name]}' for name in record.fields)})")

    def _with(self, expr: ir.App, out: Block) -> Text:
        changes: dict[str, ir.Expr] = {}
        base: ir.Expr = expr
        while isinstance(base, ir.App) and base.opcode == "with":
            assert isinstance(base.args[1], ir.Str)
            changes.setdefault(base.args[1].value, base.args[2])
            base = base.args[0]
        old = self.value(base, out).text
        new = {name: self.value(value, out).text for name, value in reversed(changes.items())}
        record = self.types.record_of(expr)
        if record is None or len(record.fields) > SMALL:
            return Text(f"but({old}, {', '.join(f'{field_name(name)}={value}' for name, value in new.items())})")
        if not old.isidentifier():
            return Text(f"but({old}, {', '.join(f'{field_name(name)}={value}' for name, value in new.items())})")
        parts = (f"{field_name(n)}={new.get(n, f'{old}.{field_name(n)}')}" for n in record.fields)
        return Text(f"{record.name}({', '.join(parts)})")

    def _set(self, expr: ir.App, out: Block) -> Text:
        if not expr.args:
            return Text("EMPTY")
        return Text(f"frozenset(({self._listed(expr.args, out)}))")

    def _tuple(self, expr: ir.App, out: Block) -> Text:
        return Text(f"({self._listed(expr.args, out)})")

    def _map_literal(self, expr: ir.App, out: Block) -> Text:
        return Text(f"Map(({self._listed(expr.args, out)}))" if expr.args else "NOTHING")

    def _listed(self, args: Sequence[ir.Expr], out: Block) -> str:
        texts = [self.value(arg, out).at(TERNARY) for arg in args]
        return texts[0] + "," if len(texts) == 1 else ", ".join(texts)

    def membership(self, expr: ir.App, out: Block, symbol: str = "in") -> Text:
        """Return whether a set has an element, or with `not in` whether it has not."""
        element, values = expr.args if expr.opcode == "in" else reversed(expr.args)
        left, right = self.value(element, out), self.iterable(values, out)
        return Text(f"{left.at(UNION)} {symbol} {right.at(UNION)}", COMPARED)

    def iterable(self, expr: ir.Expr, out: Block, *, repeats: bool = True) -> Text:
        """Return something to go through that is cheaper than a set; only with `repeats` may it repeat elements."""
        if isinstance(expr, ir.App) and self.resolved.reference(expr) is None:
            match expr.opcode:
                case "to":
                    low, high = (self.value(arg, out) for arg in expr.args)
                    above = f"{high.at(SUM)} + 1" if not high.text.isdecimal() else str(int(high.text) + 1)
                    return Text(f"range({low.text}, {above})")
                case "range":
                    return Text(f"range({', '.join(self.value(arg, out).text for arg in expr.args)})")
                case "indices":
                    return Text(f"range(len({self.value(expr.args[0], out).text}))")
                case "keys":
                    return self.value(expr.args[0], out)
                case "Set" if expr.args and repeats:
                    return Text(f"({self._listed(expr.args, out)})")
        return self.value(expr, out)

    def _comprehension(self, expr: ir.App, out: Block) -> Text:
        source = self.iterable(expr.args[0], out)
        names, body = self.applied(expr.args[1], 1, out)
        if expr.opcode == "map":
            return Text(f"frozenset([{body.at(TERNARY)} for {names[0]} in {source.at(OR)}])")
        kept = f"[{names[0]} for {names[0]} in {source.at(OR)} if {body.at(OR)}]"
        return Text(f"{'tuple' if expr.opcode == 'select' else 'frozenset'}({kept})")

    def _quantifier(self, expr: ir.App, out: Block) -> Text:
        source = self.iterable(expr.args[0], out)
        names, body = self.applied(expr.args[1], 1, out)
        return Text(f"{'any' if expr.opcode == 'exists' else 'all'}({body.text} for {names[0]} in {source.at(OR)})")

    def _map_by(self, expr: ir.App, out: Block) -> Text:
        source = self.iterable(expr.args[0], out)
        names, body = self.applied(expr.args[1], 1, out)
        return Text(f"Map([({names[0]}, {body.text}) for {names[0]} in {source.at(OR)}])")

    def _set_by(self, expr: ir.App, out: Block) -> Text:
        values, key, change = self.value(expr.args[0], out), self.value(expr.args[1], out), expr.args[2]
        if isinstance(change, ir.Lambda) and len(change.params) == 1:
            (old,) = self.bind(change.params)
            out.add(f"{old} = {values.at(ATOM)}[{key.text}]")
            return Text(f"{values.at(ATOM)}.set({key.text}, {self.value(change.expr, out).text})")
        called = self.function(change, out)
        return Text(f"{values.at(ATOM)}.set({key.text}, {called}({values.at(ATOM)}[{key.text}]))")

    def _fold(self, expr: ir.App, out: Block) -> Text:
        values, start, step = expr.args
        through = self.iterable(values, out, repeats=False).text
        if expr.opcode == "fold":
            through = f"ordered({through})"
        elif expr.opcode == "foldr":
            through = f"reversed({through})"
        first = self.value(start, out).text
        if isinstance(step, ir.Lambda) and len(step.params) == 2:
            names = self.bind(step.params)
            gathered, each = reversed(names) if expr.opcode == "foldr" else names
            out.add(f"{gathered} = {first}")
            self.deliver(step.expr, out.nest(f"for {each} in {through}:"), Target(gathered))
            return Text(gathered)
        name, each = self.names.fresh("gathered"), self.names.fresh("each")
        out.add(f"{name} = {first}")
        pair = f"{each}, {name}" if expr.opcode == "foldr" else f"{name}, {each}"
        names, body = self.applied(step, 2, out)
        out.nest(f"for {each} in {through}:").add(f"{name} = (lambda {names[0]}, {names[1]}: {body.text})({pair})")
        return Text(name)

    def _size(self, expr: ir.App, out: Block) -> Text:
        return Text(f"len({self.iterable(expr.args[0], out, repeats=False).text})")
