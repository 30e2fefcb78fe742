"""What the services store: one metadata for SQLite and PostgreSQL, of which the migrations are the history.

Theory. A process holds nothing that another one would miss. What must be true of two instances at once is a key or a
unique index here: an address is spent once, because the row of its block is changed under the lock of its root; a token
pays once, because its nonce is a key; a submission has one ticket, because its name is unique.

::

    kept         secrets of the operator: keys, the document and its revision
    accepted     requests that were answered and not yet resolved
    roots        roots with their owners      epochs, labels, positions    grants of label/1
    latencies    classes of single epochs     blocks                       spent indices of two-layer/1
    messages     what waits for an owner
    submissions  the queue of the sending service
    uploads      attachments                  chunks                       their bytes
    spent        nonces of tokens
    events       the event log, empty unless a test switches it on

Rules:

1. Times are seconds (`_s`) or milliseconds (`_ms`) since 1970; bytes are bytes, never text.
2. A foreign key deletes what belongs to a row with the row.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

__all__ = [
    "accepted",
    "blocks",
    "chunks",
    "epochs",
    "events",
    "kept",
    "labels",
    "latencies",
    "messages",
    "metadata",
    "positions",
    "roots",
    "spent",
    "submissions",
    "uploads",
]

metadata: Final = MetaData()

_SERIAL: Final = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows of this type alone


def _root() -> Column[bytes]:
    return Column("root", LargeBinary(16), ForeignKey("roots.root", ondelete="CASCADE"), primary_key=True)


kept: Final = Table(
    "kept",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("value", LargeBinary, nullable=False),
)

accepted: Final = Table(
    "accepted",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("request", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

roots: Final = Table(
    "roots",
    metadata,
    Column("root", LargeBinary(16), primary_key=True),
    Column("owner", LargeBinary(32), nullable=False, unique=True),
    Column("profile", Integer, nullable=False),
    Column("verify_key", LargeBinary(32), nullable=True),
    Column("day", Integer, nullable=False, index=True),
    Column("latency", String(16), nullable=False),
    Column("notice_ms", BigInteger, nullable=False),
    Column("notice_told", BigInteger, nullable=False),
    Column("next_number", BigInteger, nullable=False),
)

epochs: Final = Table(
    "epochs",
    metadata,
    _root(),
    Column("epoch", BigInteger, primary_key=True),
    Column("key", LargeBinary(32), nullable=False),
    Column("valid_until_s", BigInteger, nullable=False, index=True),
    Column("capacity", Integer, nullable=False),
    Column("lanes", Integer, nullable=False),
)

_OF_EPOCH: Final = (["root", "epoch"], ["epochs.root", "epochs.epoch"])

positions: Final = Table(
    "positions",
    metadata,
    Column("root", LargeBinary(16), primary_key=True),
    Column("epoch", BigInteger, primary_key=True),
    Column("lane", Integer, primary_key=True),
    Column("top", Integer, nullable=False),
    Column("bits", LargeBinary(32), nullable=False),
    ForeignKeyConstraint(*_OF_EPOCH, ondelete="CASCADE"),
)

labels: Final = Table(
    "labels",
    metadata,
    Column("label", LargeBinary(16), primary_key=True),
    Column("root", LargeBinary(16), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("place", Integer, nullable=False),
    ForeignKeyConstraint(*_OF_EPOCH, ondelete="CASCADE"),
    Index("labels_by_epoch", "root", "epoch"),
)

latencies: Final = Table(
    "latencies",
    metadata,
    _root(),
    Column("epoch", BigInteger, primary_key=True),
    Column("latency", String(16), nullable=False),
)

blocks: Final = Table(
    "blocks",
    metadata,
    _root(),
    Column("block", BigInteger, primary_key=True),
    Column("bits", LargeBinary(32), nullable=False),
    Column("erase_at_s", BigInteger, nullable=False, index=True),
)

messages: Final = Table(
    "messages",
    metadata,
    _root(),
    Column("number", BigInteger, primary_key=True),
    Column("serial", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

submissions: Final = Table(
    "submissions",
    metadata,
    Column("ticket", LargeBinary(16), primary_key=True),
    Column("name", LargeBinary(64), nullable=False, unique=True),
    Column("nonce", LargeBinary(32), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("uri", String(128), nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("not_after_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("silent_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("noticed", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("claimed_until_ms", BigInteger, nullable=False),
    Index("submissions_due", "state", "due_ms"),
)

uploads: Final = Table(
    "uploads",
    metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("name", LargeBinary(64), nullable=True, unique=True),
    Column("digest", LargeBinary(32), nullable=True),
    Column("length", BigInteger, nullable=False),
    Column("valid_until_s", BigInteger, nullable=False, index=True),
)

chunks: Final = Table(
    "chunks",
    metadata,
    Column("id", LargeBinary(32), ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

spent: Final = Table(
    "spent",
    metadata,
    Column("key_id", LargeBinary(32), primary_key=True),
    Column("nonce", LargeBinary(32), primary_key=True),
    Column("ends_s", BigInteger, nullable=False, index=True),
    Column("digest", LargeBinary(32), nullable=False),
)

events: Final = Table(
    "events",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("t_ms", BigInteger, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("root", LargeBinary(16), nullable=True),
    Column("message", BigInteger, nullable=False),
    Column("service", String(512), nullable=False),
    Column("serial", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("via", String(512), nullable=False),
    Column("value", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
