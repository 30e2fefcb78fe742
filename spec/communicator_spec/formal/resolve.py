"""Who refers to whom in a Quint text, before it is translated.

`Resolved` answers, by the number of a definition: what it refers to, whether its value depends on the state or on the
constant, and whether it chooses (`any`, `nondet`). Rules that it enforces, each with `Untranslatable`:

- the text has exactly one constant, the world;
- a name means one thing: two definitions of one name in different modules are told apart by their module's name;
- no definition that `init` or `step` needs reads an observed variable: it is an output of a step, not part of a state.
"""

import builtins
import keyword
from functools import cached_property

from communicator_spec.formal import ir
from communicator_spec.formal.values import FormalError


class Untranslatable(FormalError):
    """The text uses what the translation does not know, or breaks one of its rules."""


# What generated code uses itself; a name of the text that is among these gets an underscore.
RESERVED = frozenset(
    {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
    | {"state", "want", "bind", "Map", "Variant", "State", "Step", "Branch", "Bound", "NamedTuple"}
    | {"but", "choices", "divide", "fold", "match", "nth", "only", "ordered", "power", "powerset", "reduce"}
    | {"remainder", "replace_at", "slice_of", "tail", "tuples", "WORLDS", "SOURCES", "OBSERVED"}
)


def python_name(name: str) -> str:
    """Return a name that generated code may give to what the text calls `name`."""
    plain = name.split("::")[-1]
    return plain + "_" if plain in RESERVED or plain.startswith("_") else plain


class Resolved:
    """A program with its references looked up."""

    def __init__(self, program: ir.Program, observed: tuple[str, ...]) -> None:
        self.program = program
        self.instances: list[tuple[str, ir.Expr]] = []
        self.variables: dict[int, ir.Variable] = {}
        self.constants: dict[int, ir.Constant] = {}
        self.aliases: dict[str, ir.Alias] = {}
        self.definitions: dict[int, ir.Definition] = {}
        self._modules: dict[int, str] = {}
        for module in program.modules:
            self._gather(module)
        self._name_constructors()
        if len(self.constants) != 1:
            raise Untranslatable(f"the text has {len(self.constants)} constants; it needs one, the world")
        self.world = next(iter(self.constants.values()))
        unknown = sorted(set(observed) - {variable.name for variable in self.variables.values()})
        if unknown:
            raise Untranslatable(f"no such variables to observe: {', '.join(unknown)}")
        self.observed = observed
        self._uses: dict[int, frozenset[int]] = {}
        self._needs: dict[int, frozenset[int]] = {}
        self._choosing: dict[int, bool] = {}

    def _gather(self, module: ir.Module) -> None:
        for declared in module.declarations:
            if isinstance(declared, ir.Instance):
                for _, expr in declared.overrides:
                    self.instances.append((declared.qualified_name or module.name, expr))
            elif isinstance(declared, ir.Variable):
                self.variables[declared.id] = declared
            elif isinstance(declared, ir.Constant):
                self.constants[declared.id] = declared
            elif isinstance(declared, ir.Alias):
                self.aliases[declared.name] = declared
            elif isinstance(declared, ir.Definition) and declared.qualifier not in ("run", "temporal"):
                self.definitions[declared.id] = declared
                self._modules[declared.id] = module.name

    def _name_constructors(self) -> None:
        """Give every definition a name of its own in Python."""
        by_name: dict[str, list[int]] = {}
        for number in sorted(self.definitions):
            by_name.setdefault(python_name(self.definitions[number].name), []).append(number)
        self.names: dict[int, str] = {}
        for name, numbers in by_name.items():
            for number in numbers:
                self.names[number] = name if len(numbers) == 1 else f"{self._modules[number]}_{name}"

    def shown(self, number: int) -> str:
        """The name that a definition has outside: the text's, with its module's if two modules have it."""
        name = self.definitions[number].name.split("::")[-1]
        return name if self.names[number] == python_name(name) else self.names[number]

    @cached_property
    def ordered_variables(self) -> tuple[ir.Variable, ...]:
        """The variables as the text declares them; the observed ones last."""
        listed = [self.variables[number] for number in sorted(self.variables)]
        hidden = [variable for variable in listed if variable.name in self.observed]
        return (*(variable for variable in listed if variable.name not in self.observed), *hidden)

    def reference(self, expr: ir.Name | ir.App) -> ir.Reference | None:
        """What a name, or an applied operator, refers to; None for what is built in."""
        found = self.program.table.get(expr.id)
        return None if found is None or found.id < 0 else found

    def uses(self, expr: ir.Expr) -> frozenset[int]:
        """The numbers of everything that an expression refers to; what an assignment sets is not among them."""
        known = self._uses.get(expr.id)
        if known is None:
            known = self._uses[expr.id] = self._find_uses(expr)
        return known

    def _find_uses(self, expr: ir.Expr) -> frozenset[int]:
        if isinstance(expr, ir.App) and expr.opcode == "assign":
            return self.uses(expr.args[1])
        below = frozenset[int]().union(*(self.uses(child) for child in ir.children(expr)))
        if isinstance(expr, (ir.Name, ir.App)):
            found = self.reference(expr)
            return below if found is None else below | {found.id}
        return below

    def uses_deep(self, expr: ir.Expr) -> frozenset[int]:
        """What an expression and the choosing actions in it refer to: those are written out where they are used."""
        direct = self.uses(expr)
        actions = [self.definitions[used] for used in direct if used in self.definitions]
        written_out = [action.expr for action in actions if action.qualifier == "action" and self.chooses(action.expr)]
        return direct.union(*map(self.uses_deep, written_out))

    def needs(self, number: int) -> frozenset[int]:
        """The variables, constants and definitions that a definition needs, and those that they need."""
        if number not in self._needs:
            direct = self.uses(self.definitions[number].expr)
            further = [self.needs(used) for used in direct if used in self.definitions]
            self._needs[number] = direct.union(*further)
        return self._needs[number]

    def reads_state(self, number: int) -> bool:
        """Does the value of a definition depend on the state? An action's always does."""
        if self.definitions[number].qualifier == "action":
            return True
        return any(used in self.variables for used in self.needs(number))

    def reads_world(self, number: int) -> bool:
        """Does the value of a definition depend on the constant?"""
        return self.world.id in self.needs(number)

    def chooses(self, expr: ir.Expr) -> bool:
        """May an action be taken in more than one way?"""
        known = self._choosing.get(expr.id)
        if known is None:
            known = self._choosing[expr.id] = any(self._is_choice(part) for part in ir.walk(expr))
        return known

    def _is_choice(self, part: ir.Expr) -> bool:
        if isinstance(part, ir.App) and part.opcode == "actionAny":
            return True
        if isinstance(part, ir.Let) and part.opdef.qualifier == "nondet":
            return True
        action = self.action(part)
        return action is not None and self.chooses(action.expr)

    def action(self, expr: ir.Expr) -> ir.Definition | None:
        """The action that an expression takes by its name, if it is one."""
        if not isinstance(expr, (ir.Name, ir.App)):
            return None
        found = self.reference(expr)
        definition = self.definitions.get(found.id) if found else None
        return definition if definition is not None and definition.qualifier == "action" else None

    def assigned(self, expr: ir.Expr) -> tuple[str, ...]:
        """The variables that an action sets, in their order."""
        found: set[str] = set()
        for part in ir.walk(expr):
            if isinstance(part, ir.App) and part.opcode == "assign" and isinstance(part.args[0], ir.Name):
                found.add(part.args[0].name.split("::")[-1])
            action = self.action(part)
            if action is not None:
                found.update(self.assigned(action.expr))
        return tuple(variable.name for variable in self.ordered_variables if variable.name in found)

    def definition_named(self, name: str) -> ir.Definition:
        """The one definition of a name."""
        found = [definition for definition in self.definitions.values() if definition.name == name]
        if len(found) != 1:
            raise Untranslatable(f"the text has {len(found)} definitions of {name}")
        return found[0]

    def check_observed(self, *roots: str) -> None:
        """Refuse a definition under `roots` that reads an observed variable."""
        hidden = {number: v.name for number, v in self.variables.items() if v.name in self.observed}
        for root in map(self.definition_named, roots):
            for number in (root.id, *sorted(self.needs(root.id) & self.definitions.keys())):
                for read in sorted(self.uses(self.definitions[number].expr) & hidden.keys()):
                    raise Untranslatable(f"{self.definitions[number].name} reads {hidden[read]}, which is an output")

    def order(self) -> list[ir.Definition]:
        """All definitions, each after those that it needs, otherwise as in the text."""
        done: dict[int, None] = {}

        def visit(number: int) -> None:
            if number not in done:
                for used in sorted(self.uses(self.definitions[number].expr) & self.definitions.keys()):
                    visit(used)
                done[number] = None

        for number in sorted(self.definitions):
            visit(number)
        return [self.definitions[number] for number in done]
