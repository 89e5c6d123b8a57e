"""The database of the environment, for commands that need nothing else of the product."""

from collections.abc import Iterator
from contextlib import contextmanager

from sketchmaker import schema, settings
from sketchmaker.database import Database


@contextmanager
def opened_database() -> Iterator[Database]:
    """The operator's database, with a schema that this code can use; closed when the block ends.

    Raises:
        SettingsError, SchemaError, DatabaseUnavailable: it can't be used; the text says why.
    """
    database = Database(settings.load().database_url)
    try:
        schema.check(database)
        yield database
    finally:
        database.close()
