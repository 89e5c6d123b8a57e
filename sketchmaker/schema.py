"""The schema's version: bring a database up to date, or say why this code can't use it.

The steps themselves live in `migrations/`; this module only decides when they run and that they
never run twice at once.
"""

import importlib
import importlib.util
import pkgutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

import sketchmaker
from sketchmaker.database import Base, Database
from sketchmaker.database.differences import schema_differences
from sketchmaker.database.exclusive import exclusive_transaction

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


class SchemaError(Exception):
    """This code can't use the database's schema. The text says what to do."""


class SchemaMissing(SchemaError):
    """The database has no Sketchmaker tables yet."""

    def __init__(self) -> None:
        super().__init__(
            "The database has no Sketchmaker tables yet: run python setup_subscriptions.py."
        )


class SchemaOlder(SchemaError):
    """The database was made by an earlier release."""

    def __init__(self, found: str, needed: str) -> None:
        self.found, self.needed = found, needed
        super().__init__(
            f"The database schema ({found}) is older than this code ({needed}): "
            "run python setup_subscriptions.py."
        )


class SchemaNewer(SchemaError):
    """The database was brought up to date by a later release."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(
            f"The database schema ({found}) is newer than this code: "
            "run the release that made it, or restore a backup from before."
        )


class SchemaForeign(SchemaError):
    """There are tables with our names which no release of ours has made."""

    def __init__(self, tables: list[str]) -> None:
        self.tables = tables
        super().__init__(
            f"The database already holds tables of another program ({', '.join(tables)}): "
            "give Sketchmaker an empty database by DATABASE_URL."
        )


@dataclass(frozen=True)
class Upgrade:
    """What an upgrade found and left: two revisions, the first None for an empty database."""

    before: str | None
    after: str


def upgrade(database: Database) -> Upgrade:
    """Run every step that the database still lacks, all of them or none.

    Set-ups that run at once wait for each other.

    Raises:
        SchemaNewer: a later release has been here.
        SchemaForeign: the tables are somebody else's.
        DatabaseUnavailable: as `Database.transaction`.
    """
    steps = _steps()
    head = _head(steps)
    with exclusive_transaction(database) as connection:
        before = _revision(connection)
        if before is None:
            _refuse_foreign_tables(connection)
        elif not _knows(steps, before):
            raise SchemaNewer(before)
        if before != head:
            command.upgrade(alembic_config(connection), "head")
    return Upgrade(before, head)


def check(database: Database) -> None:
    """Make sure that the database has exactly the schema this code was written for.

    Raises:
        SchemaMissing, SchemaOlder: `upgrade` would help.
        SchemaNewer: only a newer release would.
        DatabaseUnavailable: as `Database.reading`.
    """
    steps = _steps()
    with database.reading() as session:
        found = _revision(session.connection())
    if found is None:
        raise SchemaMissing
    if not _knows(steps, found):
        raise SchemaNewer(found)
    if found != _head(steps):
        raise SchemaOlder(found, _head(steps))


def differences(database: Database) -> list[str]:
    """What the database lacks of the schema it should have: sentences that say what to do.

    Raises:
        DatabaseUnavailable: as `Database.reading`.
    """
    import_every_table()
    with database.reading() as session:
        return schema_differences(session.connection(), Base.metadata)


def import_every_table() -> None:
    """Each context maps its tables in its own `tables.py`; importing them fills Base.metadata."""
    for package in pkgutil.iter_modules(sketchmaker.__path__):
        name = f"sketchmaker.{package.name}.tables"
        if package.ispkg and importlib.util.find_spec(name) is not None:
            importlib.import_module(name)


def alembic_config(connection: Connection | None = None) -> Config:
    """How Alembic finds the migrations and, when they are to run, the connection they run on."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


@cache
def _steps() -> ScriptDirectory:
    # Read once: a monitor asks every few seconds, and the files don't change under a process.
    return ScriptDirectory.from_config(alembic_config())


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _head(steps: ScriptDirectory) -> str:
    head = steps.get_current_head()
    if head is None:
        raise RuntimeError(f"There are no migrations in {MIGRATIONS}.")
    return head


def _knows(steps: ScriptDirectory, revision: str) -> bool:
    return any(step.revision == revision for step in steps.walk_revisions())


def _refuse_foreign_tables(connection: Connection) -> None:
    ours = {"users", "subscription_plans", "user_subscriptions", "usage_history"}
    foreign = sorted(ours & set(inspect(connection).get_table_names()))
    if foreign:
        raise SchemaForeign(foreign)
