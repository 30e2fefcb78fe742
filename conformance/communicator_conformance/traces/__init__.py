"""Traces: runs of the formal model, taken again by programs, step by step."""

from communicator_conformance.traces.playing import play, tests

__all__ = ["play", "tests"]
