"""A PostgreSQL of our own, as durable as a real one, that can be killed and started again."""

import os
import signal
import time
from itertools import count
from pathlib import Path

from tests.support import postgres
from tests.support.postgres import Server

DURABLE = {
    **postgres.SERVER_OPTIONS,
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "60",
}
DEATH_SECONDS = 10


class OwnPostgres:
    """Runs until stopped; its data folder outlives every kill."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server: Server = postgres.start_new(folder, DURABLE)
        self.url = self.server.url
        self._databases = count(1)

    def add_database(self) -> None:
        """A new empty database; `url` is its URL from now on. Starts a killed server."""
        if not self._pid_file.exists():
            self.start_again()
        name = f"kills_{next(self._databases)}"
        self.server.create(name)
        self.url = self.server.url_of(name)

    def start_again(self) -> None:
        """Start on the data as they are; PostgreSQL recovers by its log."""
        for left in self._folder.glob(".s.PGSQL.*"):
            left.unlink()
        postgres.start(self._folder, DURABLE)

    def kill(self) -> None:
        """SIGKILL for the postmaster and all its children, all at once; nothing if it is dead."""
        if not self._pid_file.exists():
            return
        postmaster = self._postmaster()
        os.kill(postmaster, signal.SIGSTOP)  # it must not fork meanwhile
        family = [postmaster, *_children(postmaster)]
        for process in reversed(family):
            os.kill(process, signal.SIGKILL)
        _wait_for_ends(family)
        self._pid_file.unlink()  # its number may be another process's by now

    @property
    def _pid_file(self) -> Path:
        return self._folder / "data" / "postmaster.pid"

    def _postmaster(self) -> int:
        return int(self._pid_file.read_text().splitlines()[0])


def _children(parent: int) -> list[int]:
    numbers = (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))
    return [number for number in numbers if _facts(number)[1] == str(parent)]


def _wait_for_ends(processes: list[int]) -> None:
    deadline = time.monotonic() + DEATH_SECONDS
    while any(_is_alive(process) for process in processes):
        assert time.monotonic() < deadline, "PostgreSQL outlives SIGKILL"
        time.sleep(0.005)


def _is_alive(process: int) -> bool:
    return _facts(process)[0] not in {"Z", "X", ""}  # nobody may have fetched a dead one yet


def _facts(process: int) -> tuple[str, str]:
    """The state and the parent of a process, as the kernel writes them."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return "", ""
    state, parent, *_ = status.rpartition(")")[2].split()
    return state, parent
