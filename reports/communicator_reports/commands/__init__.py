"""The subcommands of `communicator`, one module each, with the same parts in the same order.

1. the function that Typer turns into a command: its options, its help, its examples
2. what it prints for people

What takes long to import is imported when a command runs, so that `--help` answers at once.
"""
