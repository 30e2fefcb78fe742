"""The command `communicator`: one program, one subcommand for each job.

Exit codes, the same for all subcommands:

=====  ======================================================================
0      done, and what was checked holds
1      done, and a check failed: an invariant, a vector, a clause
2      not done: a wrong option, or input or output that cannot be used
130    stopped by Ctrl-C; nothing half-written is left
=====  ======================================================================

Rules:

1. Results go to the output, everything else to the error stream; `--json` makes the output one JSON value.
2. Whatever is wrong with the input is one line that says what would do. A traceback is a bug of ours.
"""

import sys
from typing import Annotated

import typer
from rich.console import Console

from communicator_conformance.errors import ConformanceError
from communicator_impl.errors import CommunicatorError
from communicator_impl.services.settings import SettingsError
from communicator_model.traces import DataError
from communicator_reports import VERSION
from communicator_reports.commands import (
    authorization,
    conform,
    directory,
    events,
    judge,
    report,
    rm,
    serve,
    simulate,
    spec,
    study,
)
from communicator_simulations.scenario import ScenarioError
from communicator_spec.clauses import ClauseError
from communicator_spec.terms import TermsError

__all__ = ["app", "main"]

_EPILOG = "Start with: communicator study migration --quick"

app = typer.Typer(
    name="communicator",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("study")(study.study)
app.command("simulate")(simulate.simulate)
app.add_typer(conform.app, name="conform")
app.command("report")(report.report)
app.command("serve")(serve.serve)
app.add_typer(rm.app, name="rm")
app.command("judge")(judge.judge)
app.add_typer(directory.app, name="directory")
app.add_typer(authorization.app, name="authorization")
app.add_typer(events.app, name="events")
app.add_typer(spec.app, name="spec")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"communicator {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Standard, conformance suite and simulator of Communicator: people own relationships, not addresses."""


def main() -> None:
    """Run the command line."""
    try:
        app()
    except (DataError, ScenarioError, TermsError, ClauseError, ConformanceError, SettingsError) as error:
        _stop(str(error))
    except CommunicatorError as error:
        _stop(error.detail or str(error))
    except OSError as error:
        _stop(_of(error))
    except KeyboardInterrupt:
        _stop("stopped", 130)


def _stop(line: str, code: int = 2) -> None:
    Console(stderr=True, soft_wrap=True).print(f"communicator: {line}", markup=False, highlight=False)
    sys.exit(code)


def _of(error: OSError) -> str:
    """Say what the system said, on one line."""
    if error.errno is None:
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}; check the path, its permissions and the space that is left"
