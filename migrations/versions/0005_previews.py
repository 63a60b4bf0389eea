"""What the user said of a preview: a picture of their own, and what hubman's is to show.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_preview",
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("picture", sa.Text()),
        sa.Column("prompt", sa.Text()),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_user_preview"),
    )


def downgrade() -> None:
    op.drop_table("user_preview")
