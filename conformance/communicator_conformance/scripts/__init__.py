"""Scripts: live plays of several testees on one stage, with a virtual clock and faults between them."""

from communicator_conformance.scripts.playing import Cast, play
from communicator_conformance.scripts.script import Script, published_scripts

__all__ = ["Cast", "Script", "play", "published_scripts"]
