"""The formal model of the protocol in Python, and what searches it.

The model is written in Quint (`spec/formal/*.qnt`). `generated.py` is that text in Python, made by `translate`; a
`Model` is it in one world. `explore` visits every state, `fairness` judges what must come in the end, `walks` goes far
at random, `traces` writes runs down and repeats them, and `python -m communicator_spec.formal` runs what
`spec/formal/checks.toml` lists. Trusted are the translation and the search; `spec/formal/referee.js` counts the same
states with Quint's own evaluator.
"""

from communicator_spec.formal.explore import Found, Violation, explore
from communicator_spec.formal.machine import Ambiguous, Machine, Step
from communicator_spec.formal.model import Model, State, World, world
from communicator_spec.formal.values import FormalError, Map, Undefined

__all__ = [
    "Ambiguous",
    "FormalError",
    "Found",
    "Machine",
    "Map",
    "Model",
    "State",
    "Step",
    "Undefined",
    "Violation",
    "World",
    "explore",
    "world",
]
