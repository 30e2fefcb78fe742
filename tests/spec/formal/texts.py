"""The small Quint texts of these tests, translated from their committed checked form; no Node is needed for that."""

import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from communicator_spec.formal import ir
from communicator_spec.formal.machine import Machine, machine
from communicator_spec.formal.translate import translate

HERE = Path(__file__).parent
OBSERVED = {"operators": (), "channel": ("rows",)}


def checked(name: str) -> bytes:
    """Return the committed checked form of a text."""
    return (HERE / f"{name}.json").read_bytes()


def source(name: str) -> str:
    """Return a text in Python."""
    return translate(ir.read(checked(name)), {f"{name}.qnt": ""}, OBSERVED[name])


@cache
def text(name: str) -> Any:  # noqa: ANN401  # a module that no type checker can see
    """Return a text as a module."""
    module = ModuleType(f"tests_formal_{name}")
    sys.modules[module.__name__] = module
    exec(compile(source(name), f"<{name}>", "exec"), vars(module))
    return module


def channel(**overrides: Any) -> Machine[Any]:  # noqa: ANN401  # whatever the world has
    """Return the channel in the world of two messages, or one that differs in some fields."""
    module = text("channel")
    return machine(module, module.WORLDS["two"]._replace(**overrides))


def operators(**overrides: Any) -> Machine[Any]:  # noqa: ANN401  # whatever the world has
    """Return the definitions of the operators in their world, or one that differs in some fields."""
    module = text("operators")
    return machine(module, module.WORLDS["unit"]._replace(**overrides))
