"""`communicator rm`: a relationship manager for one person at a terminal; one module for each kind of thing to do."""

import typer

from communicator_reports.commands.rm.filing import fetch, files
from communicator_reports.commands.rm.finding import accept_request, account, find, refuse, requests
from communicator_reports.commands.rm.keeping import backup, export, restore
from communicator_reports.commands.rm.meeting import accept, fingerprint, init, invite, people, suite
from communicator_reports.commands.rm.moving import addresses, end, leaving, move, services
from communicator_reports.commands.rm.naming import head, names, register, unregister
from communicator_reports.commands.rm.screen import open_screen
from communicator_reports.commands.rm.shell import shell
from communicator_reports.commands.rm.talking import log, say, show, sync, watch
from communicator_reports.commands.rm.telling import name, profile, receipts

__all__ = ["app"]

_HELP = """Write to people, over any services, and change them at any time.

Examples:

  communicator rm init --service http://127.0.0.1:8420

  communicator rm invite Ben

  communicator rm accept 'communicator:contact/…' --name Ann

  communicator rm say Ben 'hello'

  communicator rm open
"""

app = typer.Typer(no_args_is_help=True, help=_HELP)
for _command in (
    init, invite, accept, people, name, fingerprint, say, show, files, fetch, sync, watch, shell, profile, receipts,
    suite, services, addresses, move, leaving, end, export, backup, restore, log,
):  # fmt: skip
    app.command(_command.__name__)(_command)
app.command("open")(open_screen)
for _doors in (register, unregister, names, head, find, account, requests, accept_request, refuse):
    app.command(_doors.__name__.replace("_", "-"))(_doors)
