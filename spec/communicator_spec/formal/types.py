"""Quint's types as Python's: annotations, and one NamedTuple class for every shape of record.

A record is known by its set of fields. The class is named after the type alias of that shape, the alphabetically first
if there are several; a shape without an alias is named after its fields. Fields keep the order of the alias.
"""

import keyword

import msgspec

from communicator_spec.formal import ir
from communicator_spec.formal.resolve import Resolved


def fields_of(row: ir.Row | ir.NoRow | ir.VarRow) -> list[ir.Field] | None:
    """Return the fields of a closed row; None if it is open."""
    found: list[ir.Field] = []
    while isinstance(row, ir.Row):
        found.extend(row.fields)
        row = row.other
    return None if isinstance(row, ir.VarRow) else found


def field_name(name: str) -> str:
    """Return the name that a field has in Python."""
    return name + "_" if keyword.iskeyword(name) else name


class Record(msgspec.Struct, frozen=True):
    """A class for records: its name, its fields in order, and what the text says about it."""

    name: str
    fields: tuple[str, ...]
    annotations: tuple[str, ...]
    doc: str


class Types:
    """The types of one text."""

    def __init__(self, resolved: Resolved) -> None:
        self._resolved = resolved
        self._records: dict[frozenset[str], Record] = {}
        self._names: dict[frozenset[str], tuple[str, list[ir.Field], str]] = {}
        for name, alias in sorted(resolved.aliases.items()):
            if isinstance(alias.type, ir.RecordType):
                fields = fields_of(alias.type.fields)
                if fields is not None:
                    self._names.setdefault(frozenset(f.field_name for f in fields), (name, fields, alias.doc))
        for _, fields, _ in self._names.values():
            self.record([f.field_name for f in fields], fields)

    @property
    def records(self) -> list[Record]:
        """All classes that were asked for, in the order of their names."""
        return sorted(self._records.values(), key=lambda record: record.name)

    def record(self, names: list[str], fields: list[ir.Field]) -> Record:
        """Return the class of the records with these fields."""
        key = frozenset(names)
        if key not in self._records:
            default = "Record_" + "_".join(sorted(names)), sorted(fields, key=lambda f: f.field_name), ""
            name, listed, doc = self._names.get(key, default)
            annotations = tuple(self.annotation(f.field_type) for f in listed)
            self._records[key] = Record(name, tuple(f.field_name for f in listed), annotations, doc)
        return self._records[key]

    def of(self, expr: ir.Expr) -> ir.Type | None:
        """Return the type of an expression, without aliases at its top."""
        scheme = self._resolved.program.types.get(expr.id)
        found = scheme.type if scheme else None
        while isinstance(found, ir.AliasType):
            alias = self._resolved.aliases.get(found.name.split("::")[-1])
            found = alias.type if alias else None
        return found

    def record_of(self, expr: ir.Expr) -> Record | None:
        """Return the class of an expression that is a record; None if its type is open."""
        found = self.of(expr)
        fields = fields_of(found.fields) if isinstance(found, ir.RecordType) else None
        return None if fields is None else self.record([f.field_name for f in fields], fields)

    def annotation(self, type_: ir.Type) -> str:
        """Return a type as Python writes it."""
        match type_:
            case ir.BoolType():
                return "bool"
            case ir.IntType():
                return "int"
            case ir.StrType():
                return "str"
            case ir.SetType(elem):
                return f"frozenset[{self.annotation(elem)}]"
            case ir.ListType(elem):
                return f"tuple[{self.annotation(elem)}, ...]"
            case ir.MapType(arg, res):
                return f"Map[{self.annotation(arg)}, {self.annotation(res)}]"
            case ir.SumType():
                return "Variant"
            case ir.TupleType(row):
                fields = fields_of(row)
                inner = ", ".join(self.annotation(f.field_type) for f in fields or ()) or "()"
                return f"tuple[{inner}]"
            case ir.RecordType(row):
                fields = fields_of(row)
                return "object" if fields is None else self.record([f.field_name for f in fields], fields).name
            case ir.AliasType(name):
                alias = self._resolved.aliases.get(name.split("::")[-1])
                return "object" if alias is None or alias.type is None else self.annotation(alias.type)
            case _:
                return "object"
