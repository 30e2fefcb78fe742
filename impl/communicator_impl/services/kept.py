"""What is kept under a name: one value for all instances, and the lock by which one of them changes it.

Theory. Keys of an operator, the revision of a document and what an issuer showed must be the same in each instance. So
they are rows with names; whoever wants to change one holds its lock until the transaction ends, and sees what the one
before wrote.
"""

from sqlalchemy import Connection, select

from communicator_impl.services.database import insert_new
from communicator_impl.services.schema import kept
from communicator_impl.services.sealing import opened, sealed

__all__ = ["change", "held", "held_secret"]


def held(connection: Connection, name: str, first: bytes, revision: int = 0) -> tuple[int, bytes]:
    """Return what is kept under a name, and hold its lock until the transaction ends; `first` if there was nothing."""
    insert_new(connection, kept, {"name": name, "revision": revision, "value": first})
    found = connection.execute(select(kept.c.revision, kept.c.value).where(kept.c.name == name).with_for_update())
    row = found.one()
    return row.revision, row.value


def held_secret(connection: Connection, name: str, first: bytes) -> bytes:
    """Return a secret as `held` does, sealed in the database if the service has a key for it."""
    return opened(connection, name, held(connection, name, sealed(connection, name, first))[1])


def change(connection: Connection, name: str, value: bytes) -> int:
    """Write another value under a name that is held, and return its revision, one more than before."""
    changed = kept.update().where(kept.c.name == name).values(revision=kept.c.revision + 1, value=value)
    revision: int = connection.execute(changed.returning(kept.c.revision)).scalar_one()
    return revision
