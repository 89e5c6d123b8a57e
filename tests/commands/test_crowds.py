"""Crowds of connections, idle or half-sent on purpose, do not keep others from their pages."""

import http.client
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sketchmaker.commands import http_server
from sketchmaker.commands.http_server import HttpServer
from tests.commands.test_serving import GUNICORN, running, settings, wait_for_line

__all__ = ["settings"]  # a fixture

CROWD = 300
# An answer takes some milliseconds; one that waits for the crowd would take two minutes.
LONGEST_WAIT_SECONDS = 20

BEGINNINGS = {
    "silent": b"",
    "half a header": b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    "half a form": b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\nlogin=a",
    "kept open": b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@contextmanager
def crowd(port: int, size: int, beginning: bytes) -> Iterator[list[socket.socket]]:
    """So many connections that send this and then nothing more."""
    with ExitStack() as stack:
        sockets = []
        for _ in range(size):
            line = stack.enter_context(socket.create_connection(("127.0.0.1", port), 20))
            line.sendall(beginning)
            sockets.append(line)
        yield sockets


def status_of(port: int, path: str = "/login") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_WAIT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(scope="module", autouse=True)
def _many_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))


@pytest.mark.parametrize("program", [("app.py",), GUNICORN], ids=["app.py", "gunicorn"])
def test_pages_are_served_beside_a_crowd_that_asks_for_nothing(
    tmp_path: Path, settings: dict[str, str], program: tuple[str, ...]
) -> None:
    port = int(settings["SKETCHMAKER_PORT"])
    with running(tmp_path, *program, **settings) as process:
        wait_for_line(process, "scheduler started", stream="stderr")
        for beginning in BEGINNINGS.values():
            with crowd(port, CROWD, beginning):
                assert [status_of(port) for _ in range(3)] == [200] * 3


def hello(_environment: dict[str, Any], answer: Callable[..., Any]) -> list[bytes]:
    answer("200 OK", [("Content-Length", "5")])
    return [b"hello"]


@pytest.fixture
def small_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that has room for 20 connections."""
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 20)
    server = HttpServer(hello, threads=8, host="127.0.0.1", port=0)
    told = threading.Event()
    thread = threading.Thread(target=server.serve_until, args=[told])
    thread.start()
    yield server.port
    told.set()
    thread.join()
    server.close()


def test_connections_that_never_asked_make_room_for_those_that_ask(small_server: int) -> None:
    with crowd(small_server, 60, BEGINNINGS["half a header"]):
        assert [status_of(small_server, "/") for _ in range(10)] == [200] * 10


def test_a_connection_in_use_outlives_those_that_never_ask(small_server: int) -> None:
    used = http.client.HTTPConnection("127.0.0.1", small_server, timeout=LONGEST_WAIT_SECONDS)
    with ExitStack() as crowds:
        for _ in range(8):
            crowds.enter_context(crowd(small_server, 10, BEGINNINGS["half a header"]))
            used.request("GET", "/")
            assert used.getresponse().read() == b"hello"
    used.close()


def test_a_server_that_ends_answers_once_more_on_connections_that_were_kept_open() -> None:
    server = HttpServer(hello, threads=8, host="127.0.0.1", port=0)
    told = threading.Event()
    serving = threading.Thread(target=server.serve_until, args=[told])
    serving.start()
    kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LONGEST_WAIT_SECONDS)
    kept.request("GET", "/")
    assert kept.getresponse().read() == b"hello"
    told.set()
    serving.join()
    ending = threading.Thread(
        target=server.finish, kwargs={"idle_seconds": 60.0, "within_seconds": 60.0}
    )
    ending.start()
    kept.request("GET", "/")
    answer = kept.getresponse()
    assert (answer.read(), answer.headers["Connection"]) == (b"hello", "close")
    kept.close()
    ending.join(timeout=LONGEST_WAIT_SECONDS)
    assert not ending.is_alive()


@pytest.mark.parametrize(
    "lengths",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_request_that_proxies_may_read_otherwise_is_refused(
    small_server: int, lengths: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", small_server), LONGEST_WAIT_SECONDS) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n" + lengths)
        assert b" 400 Bad Request\r\n" in line.recv(100)
