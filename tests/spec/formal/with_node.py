"""What these tests need Node for: `python -m tests.spec.formal.with_node [--update]`, called by `make formal`.

1. The committed checked forms are those of the texts (`--update` writes them).
2. Quint evaluates every definition of `operators.qnt` to the value that the translation gives.
3. Quint counts as many states of the channel as the search finds.
"""

import json
import sys
import tempfile
from pathlib import Path

import msgspec
from tests.spec.formal.texts import HERE, channel, operators

from communicator_spec.formal import ir
from communicator_spec.formal.explore import explore
from communicator_spec.formal.resolve import Resolved
from communicator_spec.formal.toolchain import FOLDER, node, program, quint
from communicator_spec.formal.types import Types, fields_of
from communicator_spec.formal.values import Map, Variant, ordered

TEXTS = ("operators", "channel")


def reduced(found: ir.Program) -> bytes:
    """Return a checked form without what the translation does not read."""
    records = {
        part.id
        for module in found.modules
        for declared in module.declarations
        for expr in _expressions(declared)
        for part in ir.walk(expr)
        if isinstance(part, ir.App) and part.opcode in ("Rec", "with")
    }
    kept = {number: scheme for number, scheme in sorted(found.types.items()) if number in records}
    small = msgspec.structs.replace(found, types=kept, table=dict(sorted(found.table.items())))
    return msgspec.json.encode(small) + b"\n"


def _expressions(declared: ir.Declaration) -> list[ir.Expr]:
    if isinstance(declared, ir.Definition):
        return [declared.expr]
    return [expr for _, expr in declared.overrides] if isinstance(declared, ir.Instance) else []


def literal(value: object, type_: ir.Type) -> str:
    """Return a value of a type as Quint writes it."""
    match value, type_:
        case frozenset(), ir.SetType(elem):
            return f"Set({', '.join(literal(each, elem) for each in ordered(value))})"
        case Map(), ir.MapType(arg, res):
            pairs = (f"{literal(k, arg)} -> {literal(value[k], res)}" for k in ordered(frozenset(value)))
            return f"Map({', '.join(pairs)})"
        case tuple(), ir.ListType(elem):
            return f"[{', '.join(literal(each, elem) for each in value)}]"
        case tuple(), ir.TupleType(row):
            kinds = [field.field_type for field in fields_of(row) or ()]
            return f"({', '.join(literal(v, kind) for v, kind in zip(value, kinds, strict=True))})"
        case tuple(), ir.RecordType(row):
            named = ((field.field_name, field.field_type) for field in fields_of(row) or ())
            return "{ " + ", ".join(f"{name}: {literal(getattr(value, name), kind)}" for name, kind in named) + " }"
        case Variant(label, inner), ir.SumType(row):
            kind = next(field.field_type for field in fields_of(row) or () if field.field_name == label)
            return label if inner == () else f"{label}({literal(inner, kind)})"
    return json.dumps(value)


def agreed() -> int:
    """Ask Quint whether every definition has the value that the translation gives; return how many there are."""
    found = program(HERE / "operators.qnt")
    types = Types(Resolved(found, ()))
    model = operators()
    state = model.init()
    claims = []
    for declared in found.modules[0].declarations:
        if isinstance(declared, ir.Definition) and declared.qualifier == "val":
            kind = types.of(declared.expr)
            assert kind is not None
            shown = literal(model.value(declared.name, state), kind)
            claims.append(f"  run {declared.name}Test = init.expect({declared.name} == {shown})")
    with tempfile.TemporaryDirectory() as scratch:
        main = Path(scratch) / "claims.qnt"
        body, _, unit = (HERE / "operators.qnt").read_text().partition("module unit {")
        main.write_text(body + "module unit {" + unit.rstrip().removesuffix("}") + "\n".join(claims) + "\n}\n")
        quint("test", "--backend", "typescript", "--max-samples", "1", "--main", "unit", main.name, folder=main.parent)
    return len(claims)


def main() -> int:
    """Do all three; return the exit status."""
    wrong = 0
    for name in TEXTS:
        data = reduced(program(HERE / f"{name}.qnt"))
        path = HERE / f"{name}.json"
        if "--update" in sys.argv:
            path.write_bytes(data)
        if path.read_bytes() != data:
            print(f"  FAIL  {path.name} is not the checked form of {name}.qnt: --update")
            wrong += 1
    print(f"  ok    Quint gives {agreed()} definitions the same value")
    counted = json.loads(node(str(FOLDER / "referee.js"), "channel.qnt", "two", "--observed", "rows", folder=HERE))
    found = explore(channel())
    same = (counted["states"], counted["transitions"], counted["depth"], counted["dead_ends"]) == found[:4]
    verdict = "ok  " if same else "FAIL"
    print(f"  {verdict}  Quint counts {counted['states']} states of the channel, the search {found.states}")
    return int(bool(wrong) or not same)


if __name__ == "__main__":
    sys.exit(main())
