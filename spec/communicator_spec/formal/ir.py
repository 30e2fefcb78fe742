"""Quint's intermediate form, as `quint typecheck --out FILE` (0.33.0) writes it.

It is the parsed and type-checked text before flattening: modules are apart, constants open, type aliases named. Every
expression has a number. `table` says for the number of a name, or of the application of an operator that the text
defines, which declaration it refers to; applications that are not in the table are built-in operators. `types` gives
the type of every expression. What this module does not know fails to decode: nothing is skipped silently.
"""

from collections.abc import Iterator
from typing import TypeAlias

import msgspec


class Name(msgspec.Struct, frozen=True, tag_field="kind", tag="name"):
    """A reference to a parameter, a definition, a variable or a constant."""

    id: int
    name: str


class Literal(msgspec.Struct, frozen=True):
    """What the three kinds of literal share."""

    id: int


class Bool(Literal, frozen=True, tag_field="kind", tag="bool"):
    """`true` or `false`."""

    value: bool


class Int(Literal, frozen=True, tag_field="kind", tag="int"):
    """A whole number."""

    value: int


class Str(Literal, frozen=True, tag_field="kind", tag="str"):
    """A string."""

    value: str


class Param(msgspec.Struct, frozen=True):
    """A parameter of an operator."""

    id: int
    name: str


class App(msgspec.Struct, frozen=True, tag_field="kind", tag="app"):
    """An operator applied to arguments."""

    id: int
    opcode: str
    args: "tuple[Expr, ...]"


class Lambda(msgspec.Struct, frozen=True, tag_field="kind", tag="lambda"):
    """An operator without a name."""

    id: int
    params: tuple[Param, ...]
    expr: "Expr"


class Let(msgspec.Struct, frozen=True, tag_field="kind", tag="let"):
    """A local definition and what it is for."""

    id: int
    opdef: "Definition"
    expr: "Expr"


Expr: TypeAlias = Name | Bool | Int | Str | App | Lambda | Let


class Atom(msgspec.Struct, frozen=True):
    """What the types without parts share."""


class BoolType(Atom, frozen=True, tag_field="kind", tag="bool"):
    """The type of truth values."""


class IntType(Atom, frozen=True, tag_field="kind", tag="int"):
    """The type of whole numbers."""


class StrType(Atom, frozen=True, tag_field="kind", tag="str"):
    """The type of strings."""


class AliasType(msgspec.Struct, frozen=True, tag_field="kind", tag="const"):
    """A type by its name."""

    name: str


class VarType(msgspec.Struct, frozen=True, tag_field="kind", tag="var"):
    """A type that is open."""

    name: str


class SetType(msgspec.Struct, frozen=True, tag_field="kind", tag="set"):
    """The type of finite sets."""

    elem: "Type"


class ListType(msgspec.Struct, frozen=True, tag_field="kind", tag="list"):
    """The type of lists."""

    elem: "Type"


class MapType(msgspec.Struct, frozen=True, tag_field="kind", tag="fun"):
    """The type of finite functions."""

    arg: "Type"
    res: "Type"


class OperType(msgspec.Struct, frozen=True, tag_field="kind", tag="oper"):
    """The type of operators."""

    args: "tuple[Type, ...]"
    res: "Type"


class Field(msgspec.Struct, frozen=True, rename="camel"):
    """A field of a row."""

    field_name: str
    field_type: "Type"


class NoRow(Atom, frozen=True, tag_field="kind", tag="empty"):
    """A row ends here."""


class VarRow(msgspec.Struct, frozen=True, tag_field="kind", tag="var"):
    """A row is open."""

    name: str


class Row(msgspec.Struct, frozen=True, tag_field="kind", tag="row"):
    """Fields, and what follows."""

    fields: tuple[Field, ...]
    other: "Row | NoRow | VarRow"


class TupleType(msgspec.Struct, frozen=True, tag_field="kind", tag="tup"):
    """The type of tuples of one shape."""

    fields: Row | NoRow | VarRow


class RecordType(msgspec.Struct, frozen=True, tag_field="kind", tag="rec"):
    """The type of records of one shape."""

    fields: Row | NoRow | VarRow


class SumType(msgspec.Struct, frozen=True, tag_field="kind", tag="sum"):
    """The type of a choice between cases."""

    fields: Row


class AppliedType(msgspec.Struct, frozen=True, tag_field="kind", tag="app"):
    """A type with parameters, applied."""

    ctor: "Type"
    args: "tuple[Type, ...]"


Type: TypeAlias = (
    BoolType
    | IntType
    | StrType
    | AliasType
    | VarType
    | SetType
    | ListType
    | MapType
    | OperType
    | TupleType
    | RecordType
    | SumType
    | AppliedType
)


class Definition(msgspec.Struct, frozen=True, tag_field="kind", tag="def"):
    """A definition: of a value, an operator, an action, a run, or a choice (`nondet`)."""

    id: int
    name: str
    qualifier: str
    expr: Expr
    doc: str = ""


class Variable(msgspec.Struct, frozen=True, tag_field="kind", tag="var", rename="camel"):
    """A variable of the state."""

    id: int
    name: str
    type_annotation: Type
    doc: str = ""


class Constant(msgspec.Struct, frozen=True, tag_field="kind", tag="const", rename="camel"):
    """What an instance fixes."""

    id: int
    name: str
    type_annotation: Type


class Alias(msgspec.Struct, frozen=True, tag_field="kind", tag="typedef"):
    """A name for a type."""

    id: int
    name: str
    type: Type | None = None
    doc: str = ""


class Instance(msgspec.Struct, frozen=True, tag_field="kind", tag="instance", rename="camel"):
    """An instance of a module: what its constants are."""

    proto_name: str
    overrides: tuple[tuple[Param, Expr], ...]
    qualified_name: str | None = None


class Import(msgspec.Struct, frozen=True, tag_field="kind", tag="import"):
    """Names of another module; the table has resolved them."""


class Export(msgspec.Struct, frozen=True, tag_field="kind", tag="export"):
    """Names for other modules; the table has resolved them."""


class Assumption(msgspec.Struct, frozen=True, tag_field="kind", tag="assume"):
    """What the text says of its constants."""

    assumption: Expr


Declaration: TypeAlias = Definition | Variable | Constant | Alias | Instance | Import | Export | Assumption


class Module(msgspec.Struct, frozen=True):
    """A module of the text."""

    name: str
    declarations: tuple[Declaration, ...]


class Reference(msgspec.Struct, frozen=True):
    """What a name refers to: `kind` is `def`, `param`, `var`, `const`, `typedef` or a built-in's."""

    kind: str
    name: str
    id: int = -1


class Scheme(msgspec.Struct, frozen=True):
    """The type of an expression."""

    type: Type


class Program(msgspec.Struct, frozen=True):
    """A whole text."""

    modules: tuple[Module, ...]
    table: dict[int, Reference]
    types: dict[int, Scheme]


def read(data: bytes) -> Program:
    """Decode what `quint typecheck --out` wrote; `msgspec.ValidationError` if it is not of that form."""
    return msgspec.json.decode(data, type=Program, strict=False)


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the expressions directly under an expression."""
    if isinstance(expr, App):
        return expr.args
    if isinstance(expr, Lambda):
        return (expr.expr,)
    if isinstance(expr, Let):
        return (expr.opdef.expr, expr.expr)
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield an expression and all under it."""
    yield expr
    for child in children(expr):
        yield from walk(child)
