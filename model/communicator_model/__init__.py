"""The population model: a simulated world of people, phones, providers and faults; no cryptography."""

from communicator_model.faults import Conditions, Fault, FaultKind, Weather
from communicator_model.nodes import ModelNodes
from communicator_model.phones import Phones, Schedule
from communicator_model.population import Person, Population
from communicator_model.traces import DataError, Trace, TraceError, load_trace
from communicator_model.world import World
from communicator_spec.nodes import Fidelity, Nodes

__all__ = [
    "Conditions",
    "DataError",
    "Fault",
    "FaultKind",
    "Fidelity",
    "ModelNodes",
    "Nodes",
    "Person",
    "Phones",
    "Population",
    "Schedule",
    "Trace",
    "TraceError",
    "Weather",
    "World",
    "load_trace",
]
