"""The tables of a directory."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of `directory_schema`."""
    op.create_table(
        "log_entries",
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.LargeBinary(length=128), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("name", "sequence"),
    )
    op.create_table(
        "log_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "place"),
    )
    op.create_table(
        "log_heads",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tree", sa.LargeBinary(length=32), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "names",
        sa.Column("name", sa.LargeBinary(length=128), nullable=False),
        sa.Column("owner", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("owner"),
    )
    op.create_table(
        "contacts",
        sa.Column("name", sa.LargeBinary(length=128), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("contact", sa.LargeBinary(), nullable=False),
        sa.Column("begins_s", sa.BigInteger(), nullable=False),
        sa.Column("ends_s", sa.BigInteger(), nullable=False),
        sa.Column("identity", sa.LargeBinary(length=128), nullable=False),
        sa.Column("given_day", sa.Integer(), nullable=True),
        sa.Column("mark", sa.String(length=160), nullable=True),
        sa.ForeignKeyConstraint(["name"], ["names.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("name", "number"),
        sa.UniqueConstraint("mark"),
        sa.UniqueConstraint("name", "digest"),
    )
    op.create_index("contacts_by_end", "contacts", ["ends_s"], unique=False)
