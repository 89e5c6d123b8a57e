"""A scratch database beside the operator's own: the same server or disk, none of its tables.

On PostgreSQL it is a schema of its own in the same database, on SQLite a file in the same folder.
It is gone when the block ends, however it ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.schema import CreateSchema, DropSchema

from sketchmaker import schema
from sketchmaker.commands.failures import CannotHammer
from sketchmaker.database import Database
from sketchmaker.randomness import seed


@dataclass(frozen=True)
class Scratch:
    """How a process opens the scratch database; `namespace` is its schema on PostgreSQL."""

    url: str
    namespace: str | None = None

    def open(self) -> Database:
        """The database, to be closed by whoever opened it."""
        return Database(self.url, namespace=self.namespace)


@contextmanager
def scratch_beside(url: str) -> Iterator[Scratch]:
    """A migrated scratch database beside the one of that URL.

    Raises:
        CannotHammer: this database user may not make a schema.
        DatabaseUnavailable: the database does not answer.
    """
    name = f"sketchmaker_hammer_{seed()}"
    make = _file_beside if make_url(url).get_backend_name() == "sqlite" else _schema_within
    with make(url, name) as scratch:
        database = scratch.open()
        try:
            schema.upgrade(database)
        finally:
            database.close()
        yield scratch


@contextmanager
def _file_beside(url: str, name: str) -> Iterator[Scratch]:
    parsed = make_url(url)
    file = Path(str(parsed.database)).with_name(f"{name}.db")
    try:
        yield Scratch(parsed.set(database=str(file)).render_as_string(hide_password=False))
    finally:
        for part in file.parent.glob(f"{name}.db*"):
            part.unlink()


@contextmanager
def _schema_within(url: str, name: str) -> Iterator[Scratch]:
    owner = Database(url)
    try:
        _create(owner, name)
        try:
            yield Scratch(url, namespace=name)
        finally:
            with owner.transaction() as session:
                session.execute(text("SET LOCAL lock_timeout = '10s'"))
                session.execute(DropSchema(name, cascade=True))
    finally:
        owner.close()


def _create(owner: Database, name: str) -> None:
    try:
        with owner.transaction() as session:
            session.execute(CreateSchema(name))
    except ProgrammingError as error:
        raise CannotHammer(
            "This database user may not make a schema to hammer on: "
            "GRANT CREATE ON DATABASE would let it, or hammer on a copy."
        ) from error
