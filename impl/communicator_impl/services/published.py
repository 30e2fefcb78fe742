"""What an origin publishes: one document of all its services, and a revision that rises with each change of it.

Theory. Correspondents compare the digest of a configuration inside messages, and devices compare revisions, so two
instances that published different documents would look like an attack. So each service describes itself from what is
in the database, and the revision is there too; whoever sees that the document changed counts it up, under the lock of
its row (SVC-18). An origin that begins to run another service has a new revision, not a first one.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from communicator_impl.document import Document
from communicator_impl.services.kept import change, held
from communicator_impl.services.part import Part
from communicator_impl.services.sections import ServiceSettings

__all__ = ["Published", "publish"]


class Published(NamedTuple):
    """The document as it is served, and its revision."""

    document: bytes
    revision: int


def publish(connection: Connection, service: ServiceSettings, parts: Iterable[Part], now_s: int) -> Published:
    """Return what the origin publishes now, and count the revision up if that changed."""
    document = Document(0, service.operator)
    for part in parts:
        document = part.describe(connection, document, now_s)
    digest = hashlib.sha256(document.encode()).digest()
    name = "document " + hashlib.sha256(service.uri.encode()).hexdigest()[:16]
    revision, known = held(connection, name, digest, revision=1)
    if known != digest:
        revision = change(connection, name, digest)
    return Published(msgspec.structs.replace(document, revision=revision).encode(), revision)
