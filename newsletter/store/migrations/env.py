"""What Alembic runs to make the steps: over the connection that :mod:`newsletter.store.migrate` opened for it."""

from __future__ import annotations

from alembic import context

from newsletter.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
