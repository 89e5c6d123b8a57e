"""Processes of ours that are made to be killed."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support import programs

DEATH_SECONDS = 10


class Forked:
    """A process that the zygote forked. Known by a descriptor: its number may be given anew."""

    def __init__(self, process: int, log: Path) -> None:
        self._log = log
        try:
            self._handle: int | None = os.pidfd_open(process)
        except ProcessLookupError:
            self._handle = None

    @property
    def is_alive(self) -> bool:
        """Has it not ended yet?"""
        return self._handle is not None and not select.select([self._handle], [], [], 0)[0]

    def signal(self) -> None:
        """SIGKILL, without waiting for its end."""
        if self.is_alive and self._handle is not None:
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def join(self, seconds: float = DEATH_SECONDS) -> None:
        """Wait until it has ended."""
        if self._handle is not None:
            ended = select.select([self._handle], [], [], seconds)[0]
            assert ended, f"a process did not end within {seconds} s:\n{self.said()}"
            os.close(self._handle)
            self._handle = None

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has put everything away."""
        self.signal()
        self.join()

    def said(self) -> str:
        """What it wrote to its output."""
        return self._log.read_text() if self._log.exists() else ""


class Zygote:
    """Starts warm processes; see `tests.kills.zygote`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._forked: list[Forked] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kills.zygote"],
            cwd=programs.REPOSITORY,
            env=programs.environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def fork(self, role: str, **facts: Any) -> Forked:
        """A new process that plays a role of `tests.kills.roles`."""
        log = self._folder / f"{role}-{len(self._forked)}.log"
        order = {"role": role, "log": str(log), **facts}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        forked = Forked(int(self._process.stdout.readline()), log)
        self._forked.append(forked)
        return forked

    def close(self) -> None:
        """End it with everything that it forked."""
        for forked in self._forked:
            forked.signal()
        self._process.kill()
        self._process.communicate()


def kill_all(processes: list[Forked]) -> None:
    """SIGKILL for all of them at once, then wait for their ends."""
    for process in processes:
        process.signal()
    for process in processes:
        process.join()
