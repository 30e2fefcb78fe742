"""`python -m communicator_spec.formal translate`: the Quint text to `generated.py`."""

import sys

from communicator_spec.formal.toolchain import FOLDER, GENERATED, MAIN, digests, formatted, program
from communicator_spec.formal.translate import translate


def main() -> None:
    """Translate; `--check` only compares."""
    source = formatted(translate(program(FOLDER / MAIN), digests(), ("rows",)))
    if "--check" in sys.argv:
        sys.exit(source != GENERATED.read_text())
    GENERATED.write_text(source)


main()
