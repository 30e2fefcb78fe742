"""`communicator conform schema`: the line protocol as JSON Schema."""

from typing import Annotated

import typer

__all__ = ["schema"]


def schema(
    operation: Annotated[str, typer.Argument(metavar="[OPERATION]", help="One operation, or hello; else all.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The same: what is printed is JSON.")] = False,
) -> None:
    """Print the JSON Schema (2020-12) of every line that is exchanged, or of one operation's.

    `#/$defs/OPERATION.request` is a question, `#/$defs/OPERATION.answer` all that may be answered.

    Examples:

      communicator conform schema label.derive

      communicator conform schema > line-protocol-1.json
    """
    from communicator_conformance.line_schema import line_schema, names, schema_of, text

    if operation and operation not in names():
        near = [name for name in names() if name.startswith(operation.partition(".")[0] + ".")]
        hint = f"there is {', '.join(near or names())}"
        raise typer.BadParameter(f"no operation {operation!r}; {hint}", param_hint="OPERATION")
    print(text(schema_of(operation) if operation else line_schema()), end="")
