"""What hubs say: listings, where contents come from, what was asked, downloads under way; pins.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OLD_TEXTS = ("name", "words", "tags", "author", "body", "own_tags", "note")
HUB_TEXTS = ("hub_tags", "hub_author", "hub_body")


def upgrade() -> None:
    op.create_table(
        "hub_choice",
        sa.Column("hub", sa.String(32), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("decided_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hub", name="pk_hub_choice"),
    )
    op.create_table(
        "listing",
        sa.Column("hub", sa.String(32), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("fetched_ns", sa.BigInteger(), nullable=False),
        sa.Column("gone_ns", sa.BigInteger()),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("nsfw", sa.Integer()),
        sa.Column("weight", sa.Float()),
        sa.Column("weight_min", sa.Float()),
        sa.Column("weight_max", sa.Float()),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hub", "model_id", "version_id", name="pk_listing"),
    )
    op.create_table(
        "provenance",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("hub", sa.String(32), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text()),
        sa.Column("how", sa.String(16), nullable=False),
        sa.Column("newer", sa.Text()),
        sa.Column("found_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "hub", "model_id", "version_id", name="pk_provenance"),
    )
    op.create_index("ix_provenance_hub", "provenance", ["hub", "model_id", "version_id"])
    op.create_table(
        "hub_word",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("hub", sa.String(32), nullable=False),
        sa.Column("score", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "rank", name="pk_hub_word"),
    )
    op.create_table(
        "lookup",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("hub", sa.String(32), nullable=False),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("asked_ns", sa.BigInteger(), nullable=False),
        sa.Column("due_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "hub", name="pk_lookup"),
    )
    op.create_table(
        "download",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_download"),
    )
    op.create_table(
        "user_pin",
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("made_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_user_pin"),
    )
    op.add_column("blob", sa.Column("hub_preview", sa.Text()))
    op.add_column("file", sa.Column("spoilt_ns", sa.BigInteger()))
    for name in HUB_TEXTS:
        op.add_column("search", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    if op.get_bind().dialect.name == "sqlite":
        _drop_index()
        _create_index((*OLD_TEXTS, *HUB_TEXTS))


def _drop_index() -> None:
    for trigger in ("search_added", "search_gone", "search_changed"):
        op.execute(f"DROP TRIGGER {trigger}")
    op.execute("DROP TABLE IF EXISTS search_fts_terms")
    op.execute("DROP TABLE IF EXISTS search_fts_counts")
    op.execute("DROP TABLE search_fts")
    op.execute("DROP VIEW IF EXISTS search_text")


def _create_index(names: tuple[str, ...]) -> None:
    """The index of revision 0002 over these texts; an empty hub text adds no line."""

    def joined(row: str) -> str:
        own = " || char(10) || ".join(f"{row}{name}" for name in names if name not in HUB_TEXTS)
        more = "".join(
            f" || CASE {row}{name} WHEN '' THEN '' ELSE char(10) || {row}{name} END"
            for name in names
            if name in HUB_TEXTS
        )
        return f"{own}{more} || char(10, 10)"

    text, old, new = joined(""), joined("old."), joined("new.")
    op.execute(f"CREATE VIEW search_text AS SELECT file_id, {text} AS text FROM search")
    op.execute(
        "CREATE VIRTUAL TABLE search_fts USING fts5(text, content='search_text', content_rowid='file_id', "
        "tokenize='trigram case_sensitive 1', detail=none)"
    )
    op.execute("CREATE VIRTUAL TABLE search_fts_terms USING fts5vocab('search_fts', 'instance')")
    op.execute("CREATE VIRTUAL TABLE search_fts_counts USING fts5vocab('search_fts', 'row')")
    delete = f"INSERT INTO search_fts(search_fts, rowid, text) VALUES ('delete', old.file_id, {old});"
    insert = f"INSERT INTO search_fts(rowid, text) VALUES (new.file_id, {new});"
    op.execute(f"CREATE TRIGGER search_added AFTER INSERT ON search BEGIN {insert} END")
    op.execute(f"CREATE TRIGGER search_gone AFTER DELETE ON search BEGIN {delete} END")
    op.execute(f"CREATE TRIGGER search_changed AFTER UPDATE ON search BEGIN {delete} {insert} END")
    op.execute("INSERT INTO search_fts(search_fts) VALUES ('rebuild')")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _drop_index()
    for name in HUB_TEXTS:
        op.drop_column("search", name)
    op.drop_column("blob", "hub_preview")
    op.drop_column("file", "spoilt_ns")
    if op.get_bind().dialect.name == "sqlite":
        _create_index(OLD_TEXTS)
    op.drop_index("ix_provenance_hub", "provenance")
    for table in ("user_pin", "download", "lookup", "hub_word", "provenance", "listing", "hub_choice"):
        op.drop_table(table)
