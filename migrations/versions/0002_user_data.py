"""The user's notes, tags, favourites and ratings; a journal; sketches of weights; what a move left behind.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OLD_TEXTS = ("name", "words", "tags", "author", "body")
TEXTS = (*OLD_TEXTS, "own_tags", "note")


def upgrade() -> None:
    _create_user_tables()
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("verb", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
    )
    op.create_table(
        "sketch",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_sketch"),
        sa.ForeignKeyConstraint(["sha256"], ["blob.sha256"], name="fk_sketch_sha256", ondelete="CASCADE"),
    )
    op.add_column("blob", sa.Column("claimed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("file", sa.Column("left_behind", sa.Text()))
    op.add_column("file", sa.Column("gone_ns", sa.BigInteger()))
    for name in ("own_tags", "note"):
        op.add_column("search", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    if op.get_bind().dialect.name == "sqlite":
        _drop_index()
        _create_index(TEXTS)


def _create_user_tables() -> None:
    op.create_table(
        "user_data",
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("favourite", sa.Boolean(), nullable=False),
        sa.Column("rating", sa.Integer()),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_user_data"),
    )
    op.create_table(
        "user_tag",
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "rank", name="pk_user_tag"),
    )


def _drop_index() -> None:
    for trigger in ("search_added", "search_gone", "search_changed"):
        op.execute(f"DROP TRIGGER {trigger}")
    op.execute("DROP TABLE search_fts")


def _create_index(names: tuple[str, ...]) -> None:
    """The trigram index over the texts of `search`, kept in step by triggers, and filled from what is there."""
    texts, old, new = (", ".join(prefix + name for name in names) for prefix in ("", "old.", "new."))
    op.execute(
        "CREATE VIRTUAL TABLE search_fts USING fts5("
        f"{texts}, content='search', content_rowid='file_id', tokenize='trigram', detail=none)"
    )
    delete = f"INSERT INTO search_fts(search_fts, rowid, {texts}) VALUES ('delete', old.file_id, {old});"
    insert = f"INSERT INTO search_fts(rowid, {texts}) VALUES (new.file_id, {new});"
    op.execute(f"CREATE TRIGGER search_added AFTER INSERT ON search BEGIN {insert} END")
    op.execute(f"CREATE TRIGGER search_gone AFTER DELETE ON search BEGIN {delete} END")
    op.execute(f"CREATE TRIGGER search_changed AFTER UPDATE ON search BEGIN {delete} {insert} END")
    op.execute("INSERT INTO search_fts(search_fts) VALUES ('rebuild')")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _drop_index()
    for name in ("own_tags", "note"):
        op.drop_column("search", name)
    for name in ("left_behind", "gone_ns"):
        op.drop_column("file", name)
    op.drop_column("blob", "claimed")
    if op.get_bind().dialect.name == "sqlite":
        _create_index(OLD_TEXTS)
    for table in ("sketch", "journal", "user_tag", "user_data"):
        op.drop_table(table)
