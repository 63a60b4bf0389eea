"""Proof by rendering: which rules a verdict was made by, what it was proven on, and words that wake an adapter.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("verdict", sa.Column("engine", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("verdict", sa.Column("bases", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "wake_word",
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("base", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "base", "text", name="pk_wake_word"),
    )


def downgrade() -> None:
    op.drop_table("wake_word")
    op.drop_column("verdict", "bases")
    op.drop_column("verdict", "engine")
