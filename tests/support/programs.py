"""Our own programs as real processes, with an environment of their own."""

import os
import socket
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST_RUN_SECONDS = 60


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """A clean environment whose data folder is `folder`/data, with some settings."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "SKETCHMAKER_DATA": str(folder / "data"),
        **settings,
    }


def start(folder: Path, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    """Start `python <arguments>`, a program of the repository, with `folder` as working folder."""
    script, *rest = arguments
    program = [script] if script.startswith("-") else [str(REPOSITORY / script)]
    return subprocess.Popen(
        [sys.executable, *program, *rest],
        cwd=folder,
        env={**environment(folder, **settings), "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run such a program to its end."""
    with start(folder, *arguments, **settings) as process:
        out, err = process.communicate(timeout=LONGEST_RUN_SECONDS)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
