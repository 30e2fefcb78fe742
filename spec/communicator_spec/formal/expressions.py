"""Quint expressions to Python.

An expression becomes one Python expression where it can, and statements before it where it cannot. Rules:

1. A local definition is evaluated at most once. In a chain of definitions that ends in a decision (`if`, `and`, `or`,
   `match`), each is evaluated when it is first needed, and not at all on a path that does not need it; otherwise where
   it stands. So a definition that is undefined on some path must not be needed there.
2. `a and b` never evaluates `b` in vain, as in Quint.
3. What is neither here nor in `operators` is `Untranslatable`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from communicator_spec.formal import ir
from communicator_spec.formal.resolve import Resolved, Untranslatable
from communicator_spec.formal.source import (
    AND,
    ATOM,
    LINE_MAX,
    NOT,
    OR,
    SIGN,
    TERNARY,
    UNION,
    Block,
    Names,
    Target,
    Text,
)
from communicator_spec.formal.types import Types, field_name

OPPOSITE = {"eq": "!=", "iff": "!=", "neq": "==", "ilt": ">=", "ilte": ">", "igt": "<=", "igte": "<"}
DECISIONS = frozenset({"ite", "and", "or", "implies", "matchVariant"})


class Expressions(ABC):
    """Translates the expressions of one function."""

    def __init__(self, resolved: Resolved, types: Types, names: Names) -> None:
        self.resolved = resolved
        self.types = types
        self.names = names
        self.locals: dict[int, str] = {}
        self._plain_ids: dict[int, bool] = {}

    # ------------------------------------------------------------------ statements
    def deliver(self, expr: ir.Expr, out: Block, target: Target, pending: Sequence[ir.Let] = ()) -> None:
        """Emit statements that bring the value of an expression to its target."""
        if isinstance(expr, ir.Let):
            self.deliver(expr.expr, out, target, (*pending, expr))
        elif isinstance(expr, ir.App) and expr.opcode in DECISIONS and self.resolved.reference(expr) is None:
            self._decide(expr, out, target, pending)
        else:
            self.force(pending, expr, out)
            out.add(target.line(self.value(expr, out).text))

    def force(self, pending: Sequence[ir.Let], expr: ir.Expr, out: Block) -> list[ir.Let]:
        """Emit the definitions that an expression needs, in their order; return the others."""
        needed = set(self.resolved.uses(expr))
        chosen: set[int] = set()
        for let in reversed(pending):
            if let.opdef.id in needed:
                chosen.add(let.opdef.id)
                needed |= self.resolved.uses(let.opdef.expr)
        for let in pending:
            if let.opdef.id in chosen:
                self.define(let.opdef, out)
        return [let for let in pending if let.opdef.id not in chosen]

    def define(self, definition: ir.Definition, out: Block) -> None:
        """Emit a local definition."""
        name = self.locals[definition.id] = self.names.fresh(definition.name)
        if isinstance(definition.expr, ir.Lambda):
            self._define_operator(name, definition.expr, out)
        else:
            self.deliver(definition.expr, out, Target(name))

    def _define_operator(self, name: str, operator: ir.Lambda, out: Block) -> None:
        inner = out.nest(f"def {name}({', '.join(self.bind(operator.params))}):")
        self.deliver(operator.expr, inner, Target())

    def bind(self, params: Sequence[ir.Param]) -> list[str]:
        """Give parameters their names."""
        for param in params:
            self.locals[param.id] = self.names.fresh(param.name)
        return [self.locals[param.id] for param in params]

    def _decide(self, expr: ir.App, out: Block, target: Target, pending: Sequence[ir.Let]) -> None:
        if self.is_plain(expr) and not self._pending_in(pending, expr):
            names = self.names.copy()
            simple = self._decision(expr, out)
            if len(simple.text) <= LINE_MAX:
                out.add(target.line(simple.text))
                return
            self.names = names
        if expr.opcode == "ite":
            self._if(expr, out, target, pending)
        elif expr.opcode == "matchVariant":
            self._match(expr, out, target, pending)
        else:
            self._connect(expr, out, target, pending)

    def _pending_in(self, pending: Sequence[ir.Let], expr: ir.Expr) -> bool:
        uses = self.resolved.uses(expr)
        return any(let.opdef.id in uses for let in pending)

    def _if(self, expr: ir.App, out: Block, target: Target, pending: Sequence[ir.Let]) -> None:
        condition, yes, no = expr.args
        pending = self.force(pending, condition, out)
        self.deliver(yes, out.nest(f"if {self.value(condition, out).text}:"), target, pending)
        self.deliver(no, out if target.name is None else out.nest("else:"), target, pending)

    def _connect(self, expr: ir.App, out: Block, target: Target, pending: Sequence[ir.Let]) -> None:
        """`and`, `or`, `implies`: operand by operand, no further than needed."""
        for i, operand in enumerate(expr.args):
            if i == len(expr.args) - 1:
                self.deliver(operand, out, target, pending)
                return
            pending = self.force(pending, operand, out)
            stop = self.value(operand, out).text if expr.opcode == "or" else self.negation(operand, out)
            out.nest(f"if {stop}:").add(target.line("False" if expr.opcode == "and" else "True"))
            out = out if target.name is None else out.nest("else:")

    def _match(self, expr: ir.App, out: Block, target: Target, pending: Sequence[ir.Let]) -> None:
        subject = expr.args[0]
        pending = self.force(pending, expr, out)
        name = self.names.fresh("case")
        out.add(f"{name} = {self.value(subject, out).text}")
        for label, case in zip(expr.args[1::2], expr.args[2::2], strict=True):
            assert isinstance(label, ir.Str)
            inner = out.nest("if True:" if label.value == "_" else f"if {name}.label == {label.value!r}:")
            if isinstance(case, ir.Lambda):
                for param in case.params:
                    self.locals[param.id] = f"{name}.value"
                self.deliver(case.expr, inner, target)
            else:
                inner.add(target.line(f"{self.function(case, out)}({name}.value)"))
            out = out if target.name is None else out.nest("else:")
        out.add(f'raise Undefined("no case for " + {name}.label)')

    def is_plain(self, expr: ir.Expr) -> bool:
        """Can it be one Python expression, without statements before it?"""
        known = self._plain_ids.get(expr.id)
        if known is None:
            known = self._plain_ids[expr.id] = self._is_plain_here(expr) and all(map(self.is_plain, ir.children(expr)))
        return known

    def _is_plain_here(self, expr: ir.Expr) -> bool:
        if isinstance(expr, ir.Let):
            return False
        if isinstance(expr, ir.App) and self.resolved.reference(expr) is None:
            return expr.opcode not in ("fold", "foldl", "foldr", "setBy", "matchVariant")
        return True

    # ------------------------------------------------------------------ expressions
    def value(self, expr: ir.Expr, out: Block) -> Text:
        """Return a Python expression; what it needs before it goes to `out`."""
        match expr:
            case ir.Bool(value=value) | ir.Int(value=value) | ir.Str(value=value):
                return Text(repr(value), ATOM if not (isinstance(value, int) and value < 0) else SIGN)
            case ir.Name():
                return self._name(expr)
            case ir.Lambda():
                return Text(self.function(expr, out), TERNARY)
            case ir.Let():
                return self._aside(expr, out)
            case ir.App():
                if self.resolved.reference(expr) is not None:
                    return self._call(expr, out)
                if expr.opcode in DECISIONS:
                    return self._decision(expr, out) if self.is_plain(expr) else self._aside(expr, out)
                return self.builtin(expr, out)

    def _aside(self, expr: ir.Expr, out: Block) -> Text:
        """Evaluate in statements of its own."""
        if isinstance(expr, ir.Let):
            chain: list[ir.Let] = []
            body: ir.Expr = expr
            while isinstance(body, ir.Let):
                chain.append(body)
                body = body.expr
            if not (isinstance(body, ir.App) and body.opcode in DECISIONS):
                self.force(chain, body, out)
                return self.value(body, out)
        name = self.names.fresh("found")
        self.deliver(expr, out, Target(name))
        return Text(name)

    def _decision(self, expr: ir.App, out: Block) -> Text:
        """A decision in one expression; `expr` is plain."""
        parts = [self.value(arg, out) for arg in expr.args]
        match expr.opcode:
            case "ite":
                return Text(f"{parts[1].at(OR)} if {parts[0].at(OR)} else {parts[2].at(TERNARY)}", TERNARY)
            case "and":
                return Text(" and ".join(p.at(AND) for p in parts), AND) if parts else Text("True")
            case "or":
                return Text(" or ".join(p.at(OR) for p in parts), OR) if parts else Text("False")
            case _:
                return Text(f"{self.negation(expr.args[0], out)} or {parts[1].at(OR)}", OR)

    def negation(self, expr: ir.Expr, out: Block) -> str:
        """Return the opposite of a truth value, to stand under `or` or alone."""
        if isinstance(expr, ir.App) and self.resolved.reference(expr) is None:
            if expr.opcode == "not":
                return self.value(expr.args[0], out).at(AND)
            if expr.opcode in OPPOSITE:
                left, right = (self.value(arg, out) for arg in expr.args)
                return f"{left.at(UNION)} {OPPOSITE[expr.opcode]} {right.at(UNION)}"
            if expr.opcode in ("in", "contains"):
                return self.membership(expr, out, "not in").text
        return f"not {self.value(expr, out).at(NOT)}"

    def _name(self, expr: ir.Name) -> Text:
        found = self.resolved.reference(expr)
        if found is None:
            if expr.name == "Bool":
                return Text("frozenset((False, True))")
            raise Untranslatable(f"the name {expr.name}")
        if found.id in self.locals:
            return Text(self.locals[found.id])
        if found.id in self.resolved.variables:
            return Text(f"state.{field_name(self.resolved.variables[found.id].name)}")
        if found.id == self.resolved.world.id:
            return Text(self.resolved.world.name)
        definition = self.resolved.definitions.get(found.id)
        if definition is None:
            raise Untranslatable(f"the name {expr.name}, which is a {found.kind}")
        name = self.resolved.names[found.id]
        if isinstance(definition.expr, ir.Lambda):
            if not self.resolved.reads_state(found.id):
                return Text(name)
            params = ", ".join(param.name for param in definition.expr.params)
            return Text(f"lambda {params}: {name}(state, {params})", TERNARY)
        return Text(f"{name}(state)" if self.resolved.reads_state(found.id) else name)

    def _call(self, expr: ir.App, out: Block) -> Text:
        found = self.resolved.reference(expr)
        assert found is not None
        args = [self._argument(arg, out) for arg in expr.args]
        if found.id in self.locals:
            return Text(f"{self.locals[found.id]}({', '.join(args)})")
        if found.id not in self.resolved.definitions:
            raise Untranslatable(f"the operator {expr.opcode}")
        state = ["state"] if self.resolved.reads_state(found.id) else []
        return Text(f"{self.resolved.names[found.id]}({', '.join(state + args)})")

    def _argument(self, expr: ir.Expr, out: Block) -> str:
        return self.function(expr, out) if isinstance(expr, ir.Lambda) else self.value(expr, out).text

    def function(self, expr: ir.Expr, out: Block) -> str:
        """Return a Python function: a lambda, the name of a definition, or of one that is emitted before."""
        if not isinstance(expr, ir.Lambda):
            return self.value(expr, out).at(ATOM)
        if self.is_plain(expr.expr):
            params = self.bind(expr.params)
            body = self.value(expr.expr, out).text
            self.names.release(params)
            return f"lambda {', '.join(params)}: {body}"
        name = self.names.fresh("each")
        self._define_operator(name, expr, out)
        return name

    def applied(self, expr: ir.Expr, count: int, out: Block, wish: str = "x") -> tuple[list[str], Text]:
        """Return names, and what an operator gives for them: for comprehensions."""
        if isinstance(expr, ir.Lambda):
            if len(expr.params) == count and self.is_plain(expr.expr):
                params = self.bind(expr.params)
                body = self.value(expr.expr, out)
                self.names.release(params)
                return params, body
        else:
            called = self._applied_name(expr, count, wish)
            if called:
                return called
        names = [self.names.fresh(wish) for _ in range(count)]
        self.names.release(names)
        called_text = self.function(expr, out)
        called_text = f"({called_text})" if called_text.startswith("lambda") else called_text
        return names, Text(f"{called_text}({', '.join(names)})")

    def _applied_name(self, expr: ir.Expr, count: int, wish: str) -> tuple[list[str], Text] | None:
        found = self.resolved.reference(expr) if isinstance(expr, ir.Name) else None
        if found is None or found.id not in self.resolved.definitions:
            return None
        names = [self.names.fresh(wish) for _ in range(count)]
        self.names.release(names)
        state = ["state"] if self.resolved.reads_state(found.id) else []
        return names, Text(f"{self.resolved.names[found.id]}({', '.join(state + names)})")

    # ------------------------------------------------------------------ built-in operators, see `operators`
    @abstractmethod
    def builtin(self, expr: ir.App, out: Block) -> Text:
        """Return the application of an operator that Quint has."""

    @abstractmethod
    def membership(self, expr: ir.App, out: Block, symbol: str = "in") -> Text:
        """Return whether a set has an element, or with `not in` whether it has not."""
