"""The tables of an authorization service: keys, accounts, and how many tokens each took in an epoch.

Theory. A purpose has one key in an epoch, and no two keys of an epoch end in the same byte: both are keys of the table,
so that two instances cannot make two. Of tokens nothing is kept but counts and digests of requests, by epoch, so that
forgetting an epoch is deleting its rows.

::

    issuer_keys   purpose, epoch → key, last byte of its id, when it was first shown, secret until it stops issuing
    accounts      digest of the access key
    issued        account, epoch, purpose → tokens
    answered      account, epoch, digest of the requests

Rules:

1. Who makes or erases keys holds the lock of the row in `kept` that says when the service opened.
2. Who counts tokens of an account holds the lock of its row.
"""

from typing import Final

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table, UniqueConstraint

from communicator_impl.services.schema import metadata

__all__ = ["accounts", "answered", "issued", "issuer_keys"]

issuer_keys: Final = Table(
    "issuer_keys",
    metadata,
    Column("purpose", String(16), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("byte", Integer, nullable=False),
    Column("id", LargeBinary(32), nullable=False, unique=True),
    Column("own", LargeBinary, nullable=False),
    UniqueConstraint("epoch", "byte"),
)

accounts: Final = Table("accounts", metadata, Column("account", LargeBinary(32), primary_key=True))


def _account() -> Column[bytes]:
    return Column("account", LargeBinary(32), ForeignKey("accounts.account", ondelete="CASCADE"), primary_key=True)


issued: Final = Table(
    "issued",
    metadata,
    _account(),
    Column("epoch", Integer, primary_key=True, autoincrement=False, index=True),
    Column("purpose", String(16), primary_key=True),
    Column("tokens", Integer, nullable=False),
)

answered: Final = Table(
    "answered",
    metadata,
    _account(),
    Column("epoch", Integer, primary_key=True, autoincrement=False, index=True),
    Column("digest", LargeBinary(32), primary_key=True),
)
