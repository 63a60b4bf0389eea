"""The number of the newest migration; its own module so that reading needs no SQLAlchemy."""

SCHEMA_HEAD = "0005"
