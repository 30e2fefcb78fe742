"""Quint actions to Python.

An action that does not choose becomes a function: it returns the new values of the variables that it sets, as a `State`
if it sets all, or None if it cannot be taken. What chooses (`any`, `nondet`) becomes part of a generator that yields a
`Step` for every way to take it. Rules:

1. The name of a step is that of the first action named after the last `any`; its picks are the `nondet` choices on the
   way, by their names.
2. `any` is gone through in the order of the text, `oneOf` from the smallest to the largest (`rank`).
3. Every way that ends in a new state counts, also if two ways end in the same one.
4. With `want`, only those picks are tried that are wanted.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from communicator_spec.formal import ir
from communicator_spec.formal.operators import Operators
from communicator_spec.formal.resolve import Resolved, Untranslatable
from communicator_spec.formal.source import Block, Names, Target
from communicator_spec.formal.types import Types
from communicator_spec.formal.values import ordered


class Way(NamedTuple):
    """How far a choice has come: the action's name, the picks (label, local), and where each new value is."""

    action: str | None = None
    picks: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    whole: str | None = None  # a local that holds the complete new state


Rest = Callable[[Block, Way], None]


class Actions(Operators):
    """Translates the actions of one function."""

    def __init__(self, resolved: Resolved, types: Types, names: Names) -> None:
        super().__init__(resolved, types, names)
        self.labels: dict[str, None] = {}
        self.constant_sets: dict[str, str] = {}  # those to choose from, and what they are called when ordered
        self._all = tuple(variable.name for variable in resolved.ordered_variables)

    # ------------------------------------------------------------------ without choice
    def plain_action(self, expr: ir.Expr, out: Block) -> None:
        """Emit the body of a function that returns what an action sets."""
        values: dict[str, str] = {}
        self._take(expr, out, values, (), last=True)
        found = [values[name] for name in self._all if name in values]
        if len(found) == len(self._all):
            whole = values.get("*")
            out.add(f"return {whole}" if whole else f"return State({', '.join(found)})")
        else:
            out.add(f"return ({', '.join(found)}{',' if len(found) == 1 else ''})")

    def _take(
        self, expr: ir.Expr, out: Block, values: dict[str, str], pending: Sequence[ir.Let], *, last: bool
    ) -> Sequence[ir.Let]:
        """Emit one action; return the definitions that were not needed yet."""
        if isinstance(expr, ir.Let):
            left = self._take(expr.expr, out, values, (*pending, expr), last=last)
            return [let for let in left if let is not expr]
        if isinstance(expr, ir.App) and self.resolved.reference(expr) is None:
            if expr.opcode == "actionAll":
                for i, part in enumerate(expr.args):
                    pending = self._take(part, out, values, pending, last=last and i == len(expr.args) - 1)
                return pending
            if expr.opcode == "ite":
                return self._take_if(expr, out, values, pending, last=last)
            if expr.opcode == "assign":
                return self._assign(expr, out, values, pending)
        pending = self.force(pending, expr, out)
        action = self.resolved.action(expr)
        if action is not None:
            self._take_named(action, expr, out, values)
        else:
            out.nest(f"if {self.negation(expr, out)}:").add("return None")
        return pending

    def _take_if(
        self, expr: ir.App, out: Block, values: dict[str, str], pending: Sequence[ir.Let], *, last: bool
    ) -> Sequence[ir.Let]:
        condition, yes, no = expr.args
        pending = self.force(pending, condition, out)
        if not last:
            pending = self.force(pending, yes, out)
            pending = self.force(pending, no, out)
        assigned = self.resolved.assigned(expr)
        common = {name: self.names.fresh(f"next_{name}") for name in assigned}
        for head, branch in ((f"if {self.value(condition, out).text}:", yes), ("else:", no)):
            inner, own = out.nest(head), dict[str, str]()
            self._take(branch, inner, own, pending, last=last)
            for name in assigned:
                inner.add(f"{common[name]} = {own[name]}")
        values.update(common)
        return pending

    def _assign(self, expr: ir.App, out: Block, values: dict[str, str], pending: Sequence[ir.Let]) -> Sequence[ir.Let]:
        variable, value = expr.args
        assert isinstance(variable, ir.Name)
        name = variable.name.split("::")[-1]
        pending = self.force(pending, value, out)
        if isinstance(value, ir.Name):
            values[name] = self.value(value, out).text
            return pending
        values[name] = self.names.fresh(f"next_{name}")
        self.deliver(value, out, Target(values[name]))
        return pending

    def _take_named(self, action: ir.Definition, expr: ir.Expr, out: Block, values: dict[str, str]) -> None:
        taken = self.names.fresh("taken_" + action.name.split("::")[-1])
        out.add(f"{taken} = {self._called(action, expr, out)}")
        out.nest(f"if {taken} is None:").add("return None")
        assigned = self.resolved.assigned(action.expr)
        for i, name in enumerate(assigned):
            values[name] = f"{taken}[{i}]"
        if assigned == self._all:
            values["*"] = taken

    def _called(self, action: ir.Definition, expr: ir.Expr, out: Block) -> str:
        args = [self._argument(arg, out) for arg in expr.args] if isinstance(expr, ir.App) else []
        return f"{self.resolved.names[action.id]}({', '.join(['state', *args])})"

    # ------------------------------------------------------------------ with choice
    def choose(self, expr: ir.Expr, out: Block, way: Way, rest: Rest) -> None:
        """Emit statements that run those of `rest` for every way to take an action."""
        if isinstance(expr, ir.Let):
            self._choose_let(expr, out, way, rest)
            return
        if isinstance(expr, ir.App) and self.resolved.reference(expr) is None:
            if expr.opcode == "actionAll":
                self._choose_all(expr.args, out, way, rest)
                return
            if expr.opcode == "actionAny":
                for part in expr.args:
                    self.choose(part, out, way._replace(action=None), rest)
                return
            if expr.opcode == "ite":
                self.choose(expr.args[1], out.nest(f"if {self.value(expr.args[0], out).text}:"), way, rest)
                self.choose(expr.args[2], out.nest("else:"), way, rest)
                return
            if expr.opcode == "assign":
                self._choose_assign(expr, out, way, rest)
                return
        action = self.resolved.action(expr)
        if action is None:
            rest(out.nest(f"if {self.value(expr, out).text}:"), way)
        else:
            self._choose_named(action, expr, out, way._replace(action=way.action or action.name.split("::")[-1]), rest)

    def _choose_all(self, parts: Sequence[ir.Expr], out: Block, way: Way, rest: Rest) -> None:
        if not parts:
            rest(out, way)
            return
        self.choose(parts[0], out, way, lambda inner, so_far: self._choose_all(parts[1:], inner, so_far, rest))

    def _choose_let(self, expr: ir.Let, out: Block, way: Way, rest: Rest) -> None:
        definition = expr.opdef
        if definition.qualifier != "nondet":
            self.define(definition, out)
            self.choose(expr.expr, out, way, rest)
            return
        one_of = definition.expr
        if not (isinstance(one_of, ir.App) and one_of.opcode == "oneOf"):
            raise Untranslatable(f"nondet {definition.name} must be the oneOf of a set")
        label = definition.name.split("::")[-1]
        if label in dict(way.picks):
            raise Untranslatable(f"two choices named {label} in one step")
        name = self.locals[definition.id] = self.names.fresh(label)
        values = self._among(one_of.args[0], out)
        inner = out.nest(f"for {name} in choices({values}, want, {label!r}):")
        self.choose(expr.expr, inner, way._replace(picks=(*way.picks, (label, name))), rest)
        self.names.release([name])

    def _among(self, expr: ir.Expr, out: Block) -> str:
        """Return what to choose from; literals are ordered here and now."""
        if isinstance(expr, ir.Name) and expr.name == "Bool" and self.resolved.reference(expr) is None:
            return "(False, True)"
        if isinstance(expr, ir.App) and expr.opcode == "Set" and expr.args:
            literals = {part.value for part in expr.args if isinstance(part, (ir.Bool, ir.Int, ir.Str))}
            if len(literals) == len(expr.args):
                return repr(tuple(ordered(frozenset(literals))))
        found = self.resolved.reference(expr) if isinstance(expr, ir.Name) else None
        if found is not None and found.id in self.resolved.definitions and not self.resolved.reads_state(found.id):
            name = self.resolved.names[found.id]
            if name not in self.constant_sets:
                self.constant_sets[name] = self.names.fresh(f"all_{name}")
            return self.constant_sets[name]
        return self.iterable(expr, out, repeats=False).text

    def _choose_assign(self, expr: ir.App, out: Block, way: Way, rest: Rest) -> None:
        values: dict[str, str] = {}
        self._assign(expr, out, values, ())
        rest(out, way._replace(values=(*way.values, *values.items())))

    def _choose_named(self, action: ir.Definition, expr: ir.Expr, out: Block, way: Way, rest: Rest) -> None:
        if self.resolved.chooses(action.expr):
            body = action.expr
            if isinstance(body, ir.Lambda):
                assert isinstance(expr, ir.App)
                for param, arg in zip(body.params, expr.args, strict=True):
                    value = self._argument(arg, out)
                    self.locals[param.id] = self.names.fresh(param.name)
                    out.add(f"{self.locals[param.id]} = {value}")
                body = body.expr
            self.choose(body, out, way, rest)
            return
        taken = self.names.fresh("taken")
        out.add(f"{taken} = {self._called(action, expr, out)}")
        inner = out.nest(f"if {taken} is not None:")
        assigned = self.resolved.assigned(action.expr)
        values = tuple((name, f"{taken}[{i}]") for i, name in enumerate(assigned))
        rest(inner, way._replace(values=way.values + values, whole=taken if assigned == self._all else None))
        self.names.release([taken])

    def finish(self, out: Block, way: Way) -> None:
        """Emit the step at the end of a way."""
        values = dict(way.values)
        missing = [name for name in self._all if name not in values]
        if missing or way.action is None:
            raise Untranslatable(f"{way.action or 'a step without a name'} does not set {', '.join(missing)}")
        self.labels[way.action] = None
        picks = ", ".join(f"({label!r}, {name})" for label, name in way.picks)
        picks += "," if len(way.picks) == 1 else ""
        state = way.whole or f"State({', '.join(values[name] for name in self._all)})"
        out.add(f"yield Step({way.action!r}, ({picks}), {state})")


def branches(resolved: Resolved, expr: ir.Expr, label: str | None) -> list[tuple[str | None, ir.Expr]]:
    """Take the `any` at the top of an action apart: (the name so far, the action)."""
    if isinstance(expr, ir.App) and expr.opcode == "actionAny":
        return [branch for part in expr.args for branch in branches(resolved, part, None)]
    action = resolved.action(expr)
    if action is not None and isinstance(expr, ir.Name) and resolved.chooses(action.expr):
        return branches(resolved, action.expr, label or action.name.split("::")[-1])
    return [(label, expr)]
