"""What a mutant is: a module of a program with one piece of its text replaced.

Rules:

1. An edit fits one place of one source; a source that has something else there is another one.
2. The same source and the same edit give the same digest.
"""

import hashlib

import msgspec

from communicator_conformance.errors import ConformanceError

__all__ = ["Edit", "Explained", "Mutant", "MutantError"]


class MutantError(ConformanceError):
    """A list of mutants that does not fit its source, or a name that no mutant has."""


class Edit(msgspec.Struct, frozen=True):
    """At an offset of bytes, what stands there and what shall."""

    at: int
    was: bytes
    now: bytes

    def apply(self, source: bytes) -> bytes:
        """Return the changed source."""
        if source[self.at : self.at + len(self.was)] != self.was:
            raise MutantError(f"the source has something else where {self.was!r} should be")
        return source[: self.at] + self.now + source[self.at + len(self.was) :]


class Mutant(msgspec.Struct, frozen=True):
    """One broken program: `module` and `function` say where, `operator` how; `by-hand` for those of a list."""

    name: str
    module: str
    function: str
    clause: str
    operator: str
    edit: Edit

    def digest(self, program: str) -> str:
        """Return what identifies this change of a program with this digest, in hex."""
        whole = (
            program,
            self.name,
            self.clause,
            self.module,
            str(self.edit.at),
            self.edit.was.hex(),
            self.edit.now.hex(),
        )
        return hashlib.sha256("\0".join(whole).encode()).hexdigest()


class Explained(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mutants that may live, by a pattern of names, and why."""

    name: str
    why: str
