"""Alembic's entry: run the revisions on the connection that hubman hands over (never imports hubman).

hubman opens the transaction itself (BEGIN IMMEDIATE, foreign keys off): see hubman/store/migrate.py.
"""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None, transactional_ddl=True, render_as_batch=True)
context.run_migrations()
