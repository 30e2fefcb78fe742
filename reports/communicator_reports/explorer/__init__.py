"""Looking into the event log of one run: filter it, follow one message, see it with the eyes of one observer.

`logs` reads a run, `following` finds what belongs to one message, `eyes` says what of an event an observer sees, and
`pages` serves all of it as a page and JSON to this machine alone.
"""
