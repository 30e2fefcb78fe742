"""A demonstration: real services and two people on this machine, and what each of them sees while things go wrong."""
