"""The user's notes, tags, favourites and ratings; a journal; sketches of weights; what a move left behind.

Revision ID: 0002
Revises: 0001
"""

import json
import zlib

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
    op.add_column("search", sa.Column("favourite", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("search", sa.Column("rating", sa.Integer()))
    op.add_column("file", sa.Column("lineage", sa.String(32)))
    op.add_column("file", sa.Column("candidates", sa.Text(), nullable=False, server_default=""))
    _deflate_facts()
    if op.get_bind().dialect.name == "sqlite":
        _drop_index()
        _create_index(TEXTS)


DICTIONARY = (
    b'","because":"The file is a safetensors file with","fields":{"evidence":[{"fact":"architecture","value":"the '
    b'modules and their widths are those of","lineage_candidates":["Pony","Illustrious","NoobAI"],"variant":'
    b'{"kind":"lora","architecture":"sdxl","candidates":["sdxl"],"lineage":null,"lineage_candidates":[],"algorithm":'
    b'"lora","variant":null,"precision":"fp16","tensors":792,"parameters":9563208,"rank":16,"alpha":8.0,"vectors":null'
    b',"hypernetwork":null,"trained":["unet","te1"],"prediction_type":null,"negative":false,"tags":[["1girl",40],'
    b'["solo",38],["long hair",1],["looking at viewer",1],["smile",1],["simple background",1]],"confidence":"certain",'
)
"""What facts begin and repeat with (zlib's preset dictionary); 0x01 before them names it."""


def _deflate_facts() -> None:
    """Turn the JSON text of facts into deflated bytes, and give columns to what is asked about."""
    bind = op.get_bind()
    op.add_column("file", sa.Column("facts_deflated", sa.LargeBinary(), nullable=False, server_default=sa.text("x''")))
    file = sa.table("file", *map(sa.column, ("id", "facts", "facts_deflated", "lineage", "candidates")))
    for file_id, text in bind.execute(sa.select(file.c.id, file.c.facts)).fetchall():
        try:
            facts = json.loads(text)
        except ValueError:
            facts = {}
        if not facts:
            continue
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15, zdict=DICTIONARY)
        stored = b"\x01" + deflate.compress(text.encode("utf-8")) + deflate.flush()
        names = "/".join(facts.get("candidates") or ())
        values = {
            "facts_deflated": stored, "lineage": facts.get("lineage"), "candidates": f"/{names}/" if names else "",
        }  # fmt: skip
        bind.execute(sa.update(file).where(file.c.id == file_id).values(values))
    op.drop_column("file", "facts")
    op.alter_column("file", "facts_deflated", new_column_name="facts")


def _inflate_facts() -> None:
    bind = op.get_bind()
    op.add_column("file", sa.Column("facts_text", sa.Text(), nullable=False, server_default="{}"))
    file = sa.table("file", *map(sa.column, ("id", "facts", "facts_text")))
    for file_id, stored in bind.execute(sa.select(file.c.id, file.c.facts)).fetchall():
        if stored:
            text = zlib.decompressobj(-15, zdict=DICTIONARY).decompress(stored[1:]).decode("utf-8")
            bind.execute(sa.update(file).where(file.c.id == file_id).values(facts_text=text))
    op.drop_column("file", "facts")
    op.alter_column("file", "facts_text", new_column_name="facts")


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
    op.execute("DROP TABLE IF EXISTS search_fts_terms")
    op.execute("DROP TABLE IF EXISTS search_fts_counts")
    op.execute("DROP TABLE search_fts")
    op.execute("DROP VIEW IF EXISTS search_text")


def _create_index(names: tuple[str, ...]) -> None:
    """The trigram index over the texts of `search`, kept in step by triggers, and filled from what is there.

    One text of all columns, with a line end between them and two at the end, so that any word of one or two characters
    begins some trigram: those are found in the vocabulary. `case_sensitive`: the texts are folded already, and a term
    must be the three characters that it was made of. detail=none takes 40 % of the space of a full index.
    """
    old, new = (
        " || char(10) || ".join(f"{row}.{name}" for name in names) + " || char(10, 10)" for row in ("old", "new")
    )
    text = new.replace("new.", "")
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


def _create_old_index() -> None:
    """The index of revision 0001."""
    texts, old, new = (", ".join(prefix + name for name in OLD_TEXTS) for prefix in ("", "old.", "new."))
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
    for name in ("own_tags", "note", "favourite", "rating"):
        op.drop_column("search", name)
    _inflate_facts()
    for name in ("left_behind", "gone_ns", "lineage", "candidates"):
        op.drop_column("file", name)
    op.drop_column("blob", "claimed")
    if op.get_bind().dialect.name == "sqlite":
        _create_old_index()
    for table in ("sketch", "journal", "user_tag", "user_data"):
        op.drop_table(table)
