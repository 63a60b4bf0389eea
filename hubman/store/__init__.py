"""The only SQL of hubman: a read door (`reader`, stdlib sqlite3) and a write door (`writer`, SQLAlchemy Core)."""
