"""The tables of a directory: a log that only grows, the heads signed over it, accounts of names, and contacts.

Theory. Everything that must be true of two instances at once is a key here. A place in the log is a primary key, so two
entries cannot have one; a size has one row of heads, so two trees of one size cannot both be signed; a name has one
account and one entry of each sequence; a contact has at most one mark, and a mark at most one contact.

::

    log_entries    place → entry                    name, sequence: unique
    log_nodes      level, place → hash of a complete subtree
    log_heads      size → tree, newest head over it
    names          name → digest of the access key  owner: unique
    contacts       name, number → contact, in stock or handed out on a day to a mark

Rules:

1. Rows of the log and its nodes are inserted, and never changed or deleted; of a head only date and signature change.
2. Who writes the log holds the lock of the row in `kept` that has the key of the directory.
3. Who changes what belongs to a name holds the lock of the row of the name.
4. Names are bytes of UTF-8, since a text of a database need not hold all that a name may.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from communicator_impl.services.schema import metadata

__all__ = ["contacts", "log_entries", "log_heads", "log_nodes", "names"]

log_entries: Final = Table(
    "log_entries",
    metadata,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("name", LargeBinary(128), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    UniqueConstraint("name", "sequence"),
)

log_nodes: Final = Table(
    "log_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)

log_heads: Final = Table(
    "log_heads",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("tree", LargeBinary(32), nullable=False),
    Column("head", LargeBinary, nullable=False),
)

names: Final = Table(
    "names",
    metadata,
    Column("name", LargeBinary(128), primary_key=True),
    Column("owner", LargeBinary(32), nullable=False, unique=True),
)

contacts: Final = Table(
    "contacts",
    metadata,
    Column("name", LargeBinary(128), ForeignKey("names.name", ondelete="CASCADE"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("contact", LargeBinary, nullable=False),
    Column("begins_s", BigInteger, nullable=False),
    Column("ends_s", BigInteger, nullable=False),
    Column("identity", LargeBinary(128), nullable=False),
    Column("given_day", Integer, nullable=True),
    Column("mark", String(160), nullable=True, unique=True),
    UniqueConstraint("name", "digest"),
    Index("contacts_by_end", "ends_s"),
)
