"""A TCP proxy before PostgreSQL that cuts the line at a chosen statement, before it or after it.

It reads the client's messages as the protocol frames them: a simple query is one message (`Q`), the
extended form ends with Sync (`S`) and names its text in Parse (`P`), once for a prepared statement.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO, Literal

from sqlalchemy import URL, make_url

from tests.support.postgres import render

Where = Literal["before", "after"]
IsWanted = Callable[[str], bool]

LONGEST_STATEMENT_SECONDS = 10
# Query, Sync, Flush, Terminate, and what a password exchange sends: nothing waits behind these.
_SENT_AT_ONCE = {b"Q", b"S", b"H", b"X", b"p"}


class CuttingProxy:
    """Passes everything on, until it is armed for one cut."""

    def __init__(self, database_url: str) -> None:
        self._upstream = make_url(database_url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._armed: tuple[IsWanted, Where] | None = None
        self._lock = threading.Lock()
        self.cuts = 0
        threading.Thread(target=self._accept, name="cutting-proxy", daemon=True).start()

    @property
    def url(self) -> str:
        """The URL of the same database, through the proxy."""
        port = self._listener.getsockname()[1]
        # Without encryption the proxy can read along; it never leaves this machine.
        query = {"sslmode": "disable", "gssencmode": "disable"}
        return render(self._upstream.set(host="127.0.0.1", port=port, query=query))

    def arm(self, is_wanted: IsWanted, where: Where) -> None:
        """Cut at the next statement that is wanted: it never arrives, or its answer never does."""
        with self._lock:
            self._armed = (is_wanted, where)

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def triggered(self, statement: str) -> Where | None:
        """Where to cut this statement, if it is the one; that disarms."""
        with self._lock:
            if self._armed is None or not self._armed[0](statement):
                return None
            where, self._armed = self._armed[1], None
            self.cuts += 1
            return where

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _Line(self, client, _connected(self._upstream))


class _Line:
    """One connection: a thread for each direction."""

    def __init__(self, proxy: CuttingProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._answer_is_lost = False
        self._has_taken_effect = threading.Event()
        for work in (self._pass_questions, self._pass_answers):
            threading.Thread(target=self._guarded, args=(work,), daemon=True).start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            with suppress(OSError, EOFError):
                work()
        finally:
            for end in (self._client, self._server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _pass_questions(self) -> None:
        source = self._client.makefile("rb")
        length = _exactly(source, 4)
        self._server.sendall(length + _exactly(source, int.from_bytes(length) - 4))
        for statement, messages in _statements(source):
            where = self._proxy.triggered(statement)
            if where == "before":
                return
            self._answer_is_lost = where == "after"
            self._server.sendall(messages)
            if where == "after":
                self._has_taken_effect.wait(LONGEST_STATEMENT_SECONDS)
                return

    def _pass_answers(self) -> None:
        source = self._server.makefile("rb")
        for kind, message in _messages(source):
            if not self._answer_is_lost:
                self._client.sendall(message)
            elif kind == b"Z":  # ready for the next one: this one is done, and committed
                self._has_taken_effect.set()


def _statements(source: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """What the client sends, statement by statement: its text, and the messages that make it."""
    texts: dict[bytes, str] = {}
    text, collected = "", b""
    for kind, message in _messages(source):
        body = message[5:]
        collected += message
        if kind == b"P":
            # To prepare a statement is not to run it: that is what binding its values is for.
            name, written = body.split(b"\0")[:2]
            texts[name] = written.decode()
        elif kind == b"B":
            text = texts.get(body.split(b"\0")[1], "")
        elif kind == b"Q":
            text = body.rstrip(b"\0").decode()
        if kind in _SENT_AT_ONCE:
            yield text, collected
            text, collected = "", b""


def _messages(source: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    while kind := source.read(1):
        length = _exactly(source, 4)
        yield kind, kind + length + _exactly(source, int.from_bytes(length) - 4)


def _exactly(source: BinaryIO, count: int) -> bytes:
    read = source.read(count)
    if len(read) < count:
        raise EOFError
    return read


def _connected(upstream: URL) -> socket.socket:
    port = upstream.port or 5432
    folder = upstream.query.get("host", upstream.host or "localhost")
    if not str(folder).startswith("/"):
        return socket.create_connection((str(folder), port))
    made = socket.socket(socket.AF_UNIX)
    made.connect(f"{folder}/.s.PGSQL.{port}")
    return made
