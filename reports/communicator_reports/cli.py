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
from typing import Annotated, Final

import typer

from communicator_reports.commands.later import group_of
from communicator_spec.errors import Explained

__all__ = ["app", "main"]

_COMMANDS: Final = {
    "demo": "Watch it work: services, two people, and what each of them sees while things go wrong. One minute.",
    "study": "Play the vectors, simulate the scenario, play the linkage games, and write a report.",
    "simulate": "Run a scenario: every policy under every fault, in every replication.",
    "sweep": "Vary any parameters of a scenario, on this machine or a cluster; see how far it is.",
    "explore": "Look into one run: filter its events, follow a message, see it with the eyes of one observer.",
    "report": "Draw reports from results, compare them, open them; nothing is run.",
    "serve": "Run services over HTTP until Ctrl-C, on one origin and one database.",
    "judge": "Bring the logs of all places together and judge them. Exit code 1: an invariant is broken.",
    "chaos": "Run services and devices, kill them wherever something is stored or sent, and judge what is left.",
    "conform": "Hold an implementation against the standard.",
    "rm": "Write to people, over any services, and change them at any time.",
    "directory": "Give names to people, and watch a directory from outside.",
    "authorization": "Open and close accounts at an authorization service.",
    "events": "Event logs of live services, for tests.",
    "spec": "List, show and check the clauses of the standard.",
}
_EPILOG = "Start with: communicator study migration --quick"

app = typer.Typer(
    name="communicator",
    cls=group_of(_COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from communicator_reports.version import VERSION

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
    except Explained as error:
        _stop(error.line)
    except OSError as error:
        _stop(_of(error))
    except KeyboardInterrupt:
        _stop("stopped", 130)


def _stop(line: str, code: int = 2) -> None:
    print(f"communicator: {line}", file=sys.stderr)
    sys.exit(code)


def _of(error: OSError) -> str:
    """Say what the system said, on one line."""
    if error.errno is None:
        return str(error)
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}; check the path, its permissions and the space that is left"
