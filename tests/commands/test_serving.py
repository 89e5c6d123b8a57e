"""Serving for real: `python app.py`, the scheduler alone, gunicorn; each ends when told to."""

import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.waiting import wait_until

GUNICORN = (
    "-m",
    "gunicorn",
    "--config",
    str(programs.REPOSITORY / "gunicorn.conf.py"),
    "--chdir",
    str(programs.REPOSITORY),
    "app:create_app()",
)


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    chosen = {"SKETCHMAKER_PORT": str(programs.free_port())}
    if request.param == "postgres":
        chosen["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    assert programs.run(tmp_path, "setup_subscriptions.py", **chosen).returncode == 0
    return chosen


@contextmanager
def running(folder: Path, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    process = programs.start(folder, *arguments, **settings)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_line(process: subprocess.Popen[str], part: str, *, stream: str) -> str:
    giving_up = threading.Timer(programs.LONGEST_RUN_SECONDS, process.kill)
    giving_up.start()
    try:
        for line in getattr(process, stream):
            if part in line:
                return str(line)
    finally:
        giving_up.cancel()
    raise AssertionError(f"{part!r} was never said")


def get(port: str, path: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as answer:
        return int(answer.status)


def wait_until_well(port: str) -> None:
    """A scheduler is known to live only when its first heartbeat is in the database."""

    def is_well() -> bool:
        try:
            return get(port, "/healthz") == 200
        except urllib.error.HTTPError:
            return False

    wait_until(is_well, seconds=programs.LONGEST_RUN_SECONDS, what="a healthy answer")


def test_the_product_says_where_it_is_and_how_to_sign_in(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    port = settings["SKETCHMAKER_PORT"]
    with running(tmp_path, "app.py", **settings) as process:
        assert f"http://127.0.0.1:{port}" in wait_for_line(process, "is ready", stream="stdout")
        assert "/login as admin" in wait_for_line(process, "Sign in", stream="stdout")
        assert get(port, "/login") == 200
        wait_until_well(port)


def test_a_body_that_no_form_has_is_refused_before_it_fills_the_disk(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    with running(tmp_path, "app.py", **settings) as process:
        wait_for_line(process, "is ready", stream="stdout")
        with socket.create_connection(("127.0.0.1", int(settings["SKETCHMAKER_PORT"])), 20) as line:
            line.sendall(b"POST /login HTTP/1.1\r\nHost: here\r\nContent-Length: 900000000\r\n\r\n")
            assert line.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_the_product_ends_when_told_to(
    tmp_path: Path, settings: dict[str, str], told: signal.Signals
) -> None:
    with running(tmp_path, "app.py", **settings) as process:
        wait_for_line(process, "Ctrl-C stops", stream="stdout")
        process.send_signal(told)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0
        assert "Stopped." in out
        assert "Traceback" not in err
    assert "scheduler stopped" in (tmp_path / "data" / "app.log").read_text()


def test_the_scheduler_alone_ends_when_told_to(tmp_path: Path, settings: dict[str, str]) -> None:
    with running(tmp_path, "-m", "sketchmaker", "scheduler", **settings) as process:
        wait_for_line(process, "scheduler is running", stream="stdout")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        assert process.returncode == 0


def test_every_worker_of_gunicorn_runs_a_scheduler(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    with running(tmp_path, *GUNICORN, **settings) as process:
        for _ in range(2):
            wait_for_line(process, "scheduler started", stream="stderr")
        wait_until_well(settings["SKETCHMAKER_PORT"])
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0
        assert "Traceback" not in err
    log = (tmp_path / "data" / "app.log").read_text()
    assert log.count("scheduler started") == log.count("scheduler stopped") == 2
