"""`python -m communicator_impl.adapter`: the reference implementation as a testee."""

from communicator_impl.adapter import main

main()
