"""Scripts: live plays of several testees on one stage, with a virtual clock and faults between them."""

from communicator_conformance.scripts.casting import between, plays_of, scripts_of
from communicator_conformance.scripts.playing import Cast, play, script_id
from communicator_conformance.scripts.script import Script, published_scripts

__all__ = ["Cast", "Script", "between", "play", "plays_of", "published_scripts", "script_id", "scripts_of"]
