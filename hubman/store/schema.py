"""The tables, as SQLAlchemy Core sees them. Rows never leave `store`; frozen dataclasses do.

Written so that PostgreSQL can serve it too: no SQLite-only column tricks; the search index (`search_fts`) is created by
the migration for SQLite alone. Times are integer nanoseconds, paths relative with POSIX separators.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy import (
    Text as PlainText,
)

from hubman.store.text import pack

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Text(TypeDecorator[str]):
    """A text column that takes any file name (store/text.py); reading goes through the read door."""

    impl = PlainText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:
        """Pack what UTF-8 cannot hold."""
        return None if value is None else pack(value)


metadata = MetaData(naming_convention=NAMING)

root = Table(
    "root",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", Text, nullable=False, unique=True),
    Column("layout", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("sidecars", String(16), nullable=False),
    Column("device", BigInteger),
    Column("added_ns", BigInteger, nullable=False),
)

blob = Table(
    "blob",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("autov1", String(8), index=True),
    Column("autov3", String(12), index=True),
    Column("autov3_written", String(12), index=True),
    Column("crc32", String(8)),
    Column("blake3", String(64)),
    Column("claimed", Boolean, nullable=False, default=False),
    Column("hub_preview", Text),
    Column("first_seen_ns", BigInteger, nullable=False),
)

file = Table(
    "file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("root_id", Integer, ForeignKey("root.id", ondelete="CASCADE"), nullable=False),
    Column("relpath", Text, nullable=False),
    Column("name", Text, nullable=False, index=True),
    Column("alias", String(10), nullable=False, index=True),
    Column("folder", Boolean, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("device", BigInteger),
    Column("beside", String(16), nullable=False),
    Column("present", Boolean, nullable=False),
    Column("sha256", String(64), ForeignKey("blob.sha256"), index=True),
    Column("format", String(16), nullable=False),
    Column("kind", String(24), nullable=False, index=True),
    Column("architecture", String(32)),
    Column("algorithm", String(16)),
    Column("safety", String(16), nullable=False),
    Column("header_digest", String(64), nullable=False),
    Column("lineage", String(32)),
    Column("candidates", Text, nullable=False),
    Column("has_sidecar", Boolean, nullable=False),
    Column("preview", Text),
    Column("left_behind", Text),
    Column("facts_version", Integer, nullable=False),
    Column("error_reference", String(64)),
    Column("error_message", Text),
    Column("added_ns", BigInteger, nullable=False),
    Column("gone_ns", BigInteger),
    Column("spoilt_ns", BigInteger),  # when `verify` found other bytes there than those that were hashed
    UniqueConstraint("root_id", "relpath"),
)
Index("ix_file_present_kind", file.c.present, file.c.kind)

reading = Table(
    "reading",  # what is shown of a file and never asked about: apart, so that a scan of all places reads little
    metadata,
    Column("file_id", Integer, ForeignKey("file.id", ondelete="CASCADE"), primary_key=True),
    Column("facts", LargeBinary, nullable=False),
    Column("sidecar", Text, nullable=False),
)

trigger = Table(
    "trigger_word",
    metadata,
    Column("file_id", Integer, ForeignKey("file.id", ondelete="CASCADE"), primary_key=True),
    Column("rank", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("source", String(32), nullable=False),
    Column("count", Integer),
    Column("score", String(8), nullable=False),
)

former_alias = Table(
    "former_alias",
    metadata,
    Column("alias", String(10), primary_key=True),
    Column("file_id", Integer, ForeignKey("file.id", ondelete="CASCADE"), primary_key=True),
)

user_words = Table(
    "user_words",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("rank", Integer, primary_key=True),
    Column("text", Text, nullable=False),
)

user_data = Table(
    "user_data",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("note", Text, nullable=False),
    Column("favourite", Boolean, nullable=False),
    Column("rating", Integer),
    Column("changed_ns", BigInteger, nullable=False),
)

user_tag = Table(
    "user_tag",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("rank", Integer, primary_key=True),
    Column("tag", Text, nullable=False),
)

user_pin = Table(
    "user_pin",  # what `update` leaves as it is
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("made_ns", BigInteger, nullable=False),
)

user_preview = Table(
    "user_preview",  # a picture of the user's own (a path), and what hubman's own preview is to show
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("picture", Text),
    Column("prompt", Text),
    Column("made_ns", BigInteger, nullable=False),
)

hub_choice = Table(
    "hub_choice",  # whether hashes may be sent to a hub; no row: nobody was asked yet
    metadata,
    Column("hub", String(32), primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("decided_ns", BigInteger, nullable=False),
)

listing = Table(
    "listing",  # what a hub said of a version, kept when it is gone there
    metadata,
    Column("hub", String(32), primary_key=True),
    Column("model_id", Text, primary_key=True),
    Column("version_id", Text, primary_key=True),
    Column("fetched_ns", BigInteger, nullable=False),
    Column("gone_ns", BigInteger),
    Column("deleted", Boolean, nullable=False),
    Column("nsfw", Integer),
    Column("weight", Float),
    Column("weight_min", Float),
    Column("weight_max", Float),
    Column("data", LargeBinary, nullable=False),  # last, so that the others are read without its pages
)

provenance = Table(
    "provenance",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("hub", String(32), primary_key=True),
    Column("model_id", Text, primary_key=True),
    Column("version_id", Text, primary_key=True),
    Column("file_id", Text),
    Column("how", String(16), nullable=False),
    Column("newer", Text),
    Column("found_ns", BigInteger, nullable=False),
)
Index("ix_provenance_hub", provenance.c.hub, provenance.c.model_id, provenance.c.version_id)

hub_word = Table(
    "hub_word",  # trigger words of a content as its author gave them on hubs: from its listings, kept for reading
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("rank", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("hub", String(32), nullable=False),
    Column("score", String(8), nullable=False),
)

lookup = Table(
    "lookup",  # contents that a hub did not know when it was asked, and when it is asked again
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("hub", String(32), primary_key=True),
    Column("misses", Integer, nullable=False),
    Column("asked_ns", BigInteger, nullable=False),
    Column("due_ns", BigInteger, nullable=False),
)

download = Table(
    "download",  # what is under way, or was cut off; a row goes when its file has its name
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ref", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("verb", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
)

sketch = Table(
    "sketch",
    metadata,
    Column("sha256", String(64), ForeignKey("blob.sha256", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

verdict = Table(
    "verdict",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", String(64), nullable=False, index=True),
    Column("base", String(64)),
    Column("verdict", String(24), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("preview", Text),
    Column("detail", Text, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
    Column("engine", Integer, nullable=False, server_default="0"),  # core.verdict.ENGINE, 0 before it was counted
    Column("bases", String(64), nullable=False, server_default=""),  # digest of the checkpoints there were
    UniqueConstraint("subject", "base"),
)

wake_word = Table(
    "wake_word",  # words that an adapter answers to, found from its weights: guesses, the likeliest first
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("base", String(64), primary_key=True),
    Column("text", Text, primary_key=True),
    Column("place", Integer, nullable=False),
    Column("score", Float, nullable=False),
    Column("made_ns", BigInteger, nullable=False),
)

search = Table(
    "search",
    metadata,
    Column("file_id", Integer, ForeignKey("file.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("own_tags", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("favourite", Boolean, nullable=False, server_default=false()),
    Column("rating", Integer),
    Column("hub_tags", Text, nullable=False, server_default=""),
    Column("hub_author", Text, nullable=False, server_default=""),
    Column("hub_body", Text, nullable=False, server_default=""),
)
