"""`communicator conform`: hold an implementation against the standard; one module a command."""

import signal
import sys
from typing import Any, Final

import typer
from typer.core import TyperGroup

from communicator_reports.commands.conform.doctor import doctor
from communicator_reports.commands.conform.init import init
from communicator_reports.commands.conform.matrix import matrix
from communicator_reports.commands.conform.mutants import mutants
from communicator_reports.commands.conform.privacy import privacy
from communicator_reports.commands.conform.report import report
from communicator_reports.commands.conform.run import run
from communicator_reports.commands.conform.schema import schema
from communicator_reports.commands.conform.service import service
from communicator_reports.commands.conform.vectors import vectors

__all__ = ["app"]

_RUN: Final = "run"
_OWN_OPTIONS: Final = {"allow_interspersed_args": False}  # what follows the program is the program's


class _RunsByDefault(TyperGroup):
    """`communicator conform TESTEE` is `communicator conform run TESTEE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer does not export its own context
        """Put the command in front that nobody has to write."""
        if args and args[0] not in (*self.commands, "--help", "-h"):
            args = [_RUN, *args]
        return super().parse_args(ctx, args)


_HELP = """Hold an implementation against the standard.

Examples:

  communicator conform reference

  communicator conform init python

  communicator conform doctor -- python3 adapter/adapter.py

  communicator conform service http://127.0.0.1:8420

  communicator conform vectors --out vectors.zip

  communicator conform run --help
"""

app = typer.Typer(cls=_RunsByDefault, no_args_is_help=True, help=_HELP)


@app.callback()
def _stoppable() -> None:
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # what was started is ended


app.command(_RUN, context_settings=_OWN_OPTIONS)(run)
app.command("privacy", context_settings=_OWN_OPTIONS)(privacy)
app.command("init")(init)
app.command("doctor", context_settings=_OWN_OPTIONS)(doctor)
app.command("matrix")(matrix)
app.command("mutants", context_settings=_OWN_OPTIONS)(mutants)
app.command("report")(report)
app.command("service")(service)
app.command("schema")(schema)
app.command("vectors")(vectors)
