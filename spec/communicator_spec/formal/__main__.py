"""`python -m communicator_spec.formal`; see `command`."""

import sys

from communicator_spec.formal.command import main

if __name__ == "__main__":
    sys.exit(main())
