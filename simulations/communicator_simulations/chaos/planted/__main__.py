"""`python -m communicator_simulations.chaos.planted BUG`: the process that resolves, with a planted bug."""

import sys

from communicator_impl.services import resolving
from communicator_simulations.chaos.planted import plant

if __name__ == "__main__":
    plant(sys.argv[1])
    resolving.main()
