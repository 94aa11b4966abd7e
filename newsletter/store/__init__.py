"""The database: schema, migrations, and everything that is SQL."""
