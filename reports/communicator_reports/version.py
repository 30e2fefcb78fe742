"""The version of the program; a module of its own, because looking it up takes time that most commands do not need."""

from importlib.metadata import version
from typing import Final

__all__ = ["VERSION"]

VERSION: Final = version("communicator")
