"""The first schema."""

import sqlalchemy as sa
from alembic import op

__all__ = ["down_revision", "revision", "upgrade"]

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    _shared()
    _receiving()
    _grants()
    _sending()
    _attachments()


def _shared() -> None:
    """What all services keep: values by name, requests that wait, nonces of tokens."""
    op.create_table(
        "accepted",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "kept",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "spent",
        sa.Column("key_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=False),
        sa.Column("ends_s", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "nonce"),
    )
    op.create_index(op.f("ix_spent_ends_s"), "spent", ["ends_s"], unique=False)


def _receiving() -> None:
    """Roots, with their latencies, spent indices and messages."""
    op.create_table(
        "roots",
        sa.Column("root", sa.LargeBinary(length=16), nullable=False),
        sa.Column("owner", sa.LargeBinary(length=32), nullable=False),
        sa.Column("profile", sa.Integer(), nullable=False),
        sa.Column("verify_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("latency", sa.String(length=16), nullable=False),
        sa.Column("notice_ms", sa.BigInteger(), nullable=False),
        sa.Column("notice_told", sa.BigInteger(), nullable=False),
        sa.Column("next_number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("root"),
        sa.UniqueConstraint("owner"),
    )
    op.create_index(op.f("ix_roots_day"), "roots", ["day"], unique=False)
    op.create_table(
        "blocks",
        sa.Column("root", sa.LargeBinary(length=16), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("bits", sa.LargeBinary(length=32), nullable=False),
        sa.Column("erase_at_s", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["root"], ["roots.root"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("root", "block"),
    )
    op.create_index(op.f("ix_blocks_erase_at_s"), "blocks", ["erase_at_s"], unique=False)
    op.create_table(
        "latencies",
        sa.Column("root", sa.LargeBinary(length=16), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("latency", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["root"], ["roots.root"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("root", "epoch"),
    )
    op.create_table(
        "messages",
        sa.Column("root", sa.LargeBinary(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["root"], ["roots.root"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("root", "number"),
    )


def _grants() -> None:
    """Grants of label/1."""
    op.create_table(
        "epochs",
        sa.Column("root", sa.LargeBinary(length=16), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("valid_until_s", sa.BigInteger(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("lanes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["root"], ["roots.root"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("root", "epoch"),
    )
    op.create_index(op.f("ix_epochs_valid_until_s"), "epochs", ["valid_until_s"], unique=False)
    op.create_table(
        "labels",
        sa.Column("label", sa.LargeBinary(length=16), nullable=False),
        sa.Column("root", sa.LargeBinary(length=16), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["root", "epoch"], ["epochs.root", "epochs.epoch"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("label"),
    )
    op.create_index("labels_by_epoch", "labels", ["root", "epoch"], unique=False)
    op.create_table(
        "positions",
        sa.Column("root", sa.LargeBinary(length=16), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("top", sa.Integer(), nullable=False),
        sa.Column("bits", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["root", "epoch"], ["epochs.root", "epochs.epoch"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("root", "epoch", "lane"),
    )


def _sending() -> None:
    """The queue."""
    op.create_table(
        "submissions",
        sa.Column("ticket", sa.LargeBinary(length=16), nullable=False),
        sa.Column("name", sa.LargeBinary(length=64), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("uri", sa.String(length=128), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("not_after_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("silent_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("noticed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("claimed_until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ticket"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("submissions_due", "submissions", ["state", "due_ms"], unique=False)


def _attachments() -> None:
    """Uploads and their bytes."""
    op.create_table(
        "uploads",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.LargeBinary(length=64), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("valid_until_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index(op.f("ix_uploads_valid_until_s"), "uploads", ["valid_until_s"], unique=False)
    op.create_table(
        "chunks",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["uploads.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", "number"),
    )
