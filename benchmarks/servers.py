"""Where measurements take place: a durable PostgreSQL of our own, and SQLite files."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks import people
from tests.support.postgres import start_new

DURABLE = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
}
"""As an operator would run it: fsync and synchronous_commit are on, as they are by default."""


class Ground:
    """Databases of any size, filled once and copied for each measurement."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = start_new(folder, DURABLE)
        self._filled: set[str] = set()

    @property
    def pgbench(self) -> Path:
        """The program that came with the server."""
        return self._folder / "programs" / "pgbench"

    @contextmanager
    def postgres(self, count: int) -> Iterator[str]:
        """The URL of a new database with so many people."""
        template = f"people_{count}"
        if template not in self._filled:
            self._server.create(template)
            people.fill(self._server.url_of(template), count)
            self._filled.add(template)
        name = f"measured_{count}"
        self._server.create(name, template=template)
        url = self._server.url_of(name)
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        try:
            yield url
        finally:
            self._server.drop(name)

    @contextmanager
    def sqlite(self, count: int) -> Iterator[str]:
        """As `postgres`."""
        template = self._folder / f"people_{count}.db"
        if not template.exists():
            people.fill(f"sqlite:///{template}", count)
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        shutil.copyfile(template, folder / "measured.db")
        try:
            yield f"sqlite:///{folder / 'measured.db'}"
        finally:
            shutil.rmtree(folder)

    def close(self) -> None:
        """Stop the server."""
        self._server.stop()


@contextmanager
def ground() -> Iterator[Ground]:
    """A ground to measure on, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="sketchmaker-bench-"))
    folder.chmod(0o711)
    made = Ground(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
