"""The tables of an authorization service."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables of `authorization_schema`."""
    op.create_table(
        "issuer_keys",
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("byte", sa.Integer(), nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("own", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", "epoch"),
        sa.UniqueConstraint("epoch", "byte"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "accounts",
        sa.Column("account", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "issued",
        sa.Column("account", sa.LargeBinary(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.account"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account", "epoch", "purpose"),
    )
    op.create_index(op.f("ix_issued_epoch"), "issued", ["epoch"], unique=False)
    op.create_table(
        "answered",
        sa.Column("account", sa.LargeBinary(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.account"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account", "epoch", "digest"),
    )
    op.create_index(op.f("ix_answered_epoch"), "answered", ["epoch"], unique=False)
