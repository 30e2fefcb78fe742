"""Commands that are loaded when they are used: what nobody asked for costs nobody time.

Theory. Some commands load tables, charts or a server, which takes a second; `communicator rm people` needs none of it.
So the program knows the names of its commands and a line of each, and a module is imported when its command is run.

Rules:

1. A command's module has its name and stands in this folder; it holds `app` (a group) or a function of that name.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["group_of", "loaded"]


class _Named(TyperCommand):
    """A command of which only the name and the line for the list are known."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:  # noqa: ANN401 - typer does not export its own context
        """Load the command, and read its arguments."""
        assert self.name is not None
        return loaded(self.name).make_context(info_name, args, parent, **extra)


def group_of(lines: Mapping[str, str], default: str = "") -> type[TyperGroup]:
    """Return the class of a group with these commands: name → line for the list.

    What begins with no command's name is for the command `default`, if there is one.
    """

    class Later(TyperGroup):
        def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - handed on as they come
            super().__init__(**attributes)
            for name, line in lines.items():
                self.add_command(_Named(name, help=line, short_help=line))

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer does not export its own context
            """Put the command in front that nobody has to write."""
            if default and args and args[0] not in (*self.commands, "--help", "-h"):
                args = [default, *args]
            return super().parse_args(ctx, args)

    return Later


def loaded(name: str) -> Any:  # noqa: ANN401 - typer does not export its own command
    """Load a command."""
    module = import_module(f"communicator_reports.commands.{name}")
    around = typer.Typer(add_completion=False)
    if hasattr(module, "app"):
        around.add_typer(module.app, name=name)
    else:
        around.command(name)(getattr(module, name))
    around.callback()(lambda: None)
    group: Any = typer.main.get_command(around)
    return group.commands[name]
