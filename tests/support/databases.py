"""Fresh, migrated databases in milliseconds: each is a copy of a template migrated once a run."""

import fcntl
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sketchmaker import schema
from sketchmaker.database import Database
from tests.support.postgres import Server, server_for


class Databases:
    """The databases of one test run, shared by all its processes through one folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    def sqlite(self, folder: Path) -> str:
        """The URL of a new migrated SQLite file in `folder`."""
        template = self._folder / "template.db"
        with _locked(self._folder / "sqlite.lock"):
            if not template.exists():
                self._migrate_sqlite(template)
        file = folder / f"sketchmaker-{secrets.token_hex(4)}.db"
        shutil.copyfile(template, file)
        return f"sqlite:///{file}"

    @contextmanager
    def postgres(self) -> Iterator[str]:
        """The URL of a new migrated PostgreSQL database, removed when the block ends."""
        server, template = self._server_and_template()
        name = f"sketchmaker_test_{secrets.token_hex(6)}"
        server.create(name, template=template)
        try:
            yield server.url_of(name)
        finally:
            server.drop(name)

    @contextmanager
    def empty_postgres(self) -> Iterator[str]:
        """The URL of a new PostgreSQL database without any table."""
        server, _ = self._server_and_template()
        name = f"sketchmaker_test_{secrets.token_hex(6)}"
        server.create(name)
        try:
            yield server.url_of(name)
        finally:
            server.drop(name)

    def server(self) -> Server:
        """The run's PostgreSQL, for who makes databases of their own on it."""
        return self._server_and_template()[0]

    def stop(self) -> None:
        """Remove what the run made. Only the process that began the run may call this."""
        if self._note.exists():
            server = _read(self._note)
            if self._template.exists():
                server.drop(self._template.read_text())
            server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _note(self) -> Path:
        return self._folder / "postgres.json"

    @property
    def _template(self) -> Path:
        return self._folder / "postgres.template"

    def _server_and_template(self) -> tuple[Server, str]:
        with _locked(self._folder / "postgres.lock"):
            if not self._note.exists():
                self._start_postgres()
            server = _read(self._note)
            if not self._template.exists():
                self._migrate_postgres(server)
        return server, self._template.read_text()

    def _start_postgres(self) -> None:
        folder = self._folder / "pg"
        shutil.rmtree(folder, ignore_errors=True)  # of a start that failed
        folder.mkdir()
        server = server_for(self._environment, folder)
        facts = {"url": server.url, "folder": str(server.folder) if server.folder else None}
        self._note.write_text(json.dumps(facts))

    def _migrate_postgres(self, server: Server) -> None:
        template = f"sketchmaker_template_{secrets.token_hex(6)}"
        server.create(template)
        _migrate(server.url_of(template))
        self._template.write_text(template)

    def _migrate_sqlite(self, template: Path) -> None:
        draft = template.with_suffix(".draft")
        _migrate(f"sqlite:///{draft}")
        draft.rename(template)


def _migrate(url: str) -> None:
    database = Database(url)
    schema.upgrade(database)
    database.close()


def _read(note: Path) -> Server:
    facts = json.loads(note.read_text())
    return Server(facts["url"], Path(facts["folder"]) if facts["folder"] else None)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
