"""The HTTP server of every process: waitress, which spends a thread on a request only when all of
it has arrived. Idle and half-sent connections cost a socket each and hold nobody up.

When there are more connections than there is room for, the one that has gone longest without a
whole request makes room: so those who only hold connections lose theirs to those who ask for pages.
"""

import re
import resource
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer, create_server

from sketchmaker.clock import uptime_seconds
from sketchmaker.web.app import LONGEST_BODY_BYTES

# A browser keeps six: this is room for 500 of them. Each connection may take three descriptors.
MOST_CONNECTIONS: Final = 3000
DESCRIPTORS_PER_CONNECTION: Final = 3
DESCRIPTORS_FOR_THE_REST: Final = 300

ACCEPTED_A_TURN: Final = 100
IDLE_SECONDS: Final = 20
LONGEST_HEADER_BYTES: Final = 32 * 1024
# A half-sent form is kept in memory up to this size, then in a file.
FORM_BYTES_IN_MEMORY: Final = 64 * 1024
TURN_SECONDS: Final = 0.5
FINISH_SECONDS: Final = 10.0

_SETTINGS: Final[dict[str, Any]] = {
    "ident": None,
    # `select` can't watch descriptors above 1023.
    "asyncore_use_poll": True,
    "channel_timeout": IDLE_SECONDS,
    "cleanup_interval": 5,
    "max_request_header_size": LONGEST_HEADER_BYTES,
    # Waitress keeps a whole body before the application can refuse it. The room is for bodies a
    # little too long, which get the application's own words.
    "max_request_body_size": 4 * LONGEST_BODY_BYTES,
    "inbuf_overflow": FORM_BYTES_IN_MEMORY,
    # A visitor who hangs up is no error.
    "log_socket_errors": False,
    # Proxies are minded by the application.
    "clear_untrusted_proxy_headers": False,
    # What is said to those who name no host.
    "server_name": "localhost",
}


# Obsolete since 2014; proxies disagree about what it means.
_FOLDED: Final = re.compile(rb"\r\n[ \t]")


class _Parser(HTTPRequestParser):
    def parse_header(self, header_plus: bytes) -> None:
        if _FOLDED.search(header_plus):
            raise ParsingError("A header goes on in the next line")
        super().parse_header(header_plus)
        # A proxy may believe the other one of the two and take a part of this for another request.
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length and Transfer-Encoding exclude each other")


class _Channel(HTTPChannel):
    """A connection that knows when it last had a whole request."""

    parser_class = _Parser

    def __init__(self, server: Any, *about: Any, **more: Any) -> None:
        super().__init__(server, *about, **more)
        self.last_whole_request = self.creation_time
        if len(server.active_channels) > server.most_channels:
            _make_room(server)

    def service(self) -> None:
        """Answer one request."""
        server: Any = self.server
        if server.is_finishing:
            self.requests[0].headers = {**self.requests[0].headers, "CONNECTION": "close"}
        super().service()
        self.last_whole_request = self.last_activity


class HttpServer:
    """An application on an address, or on sockets that are listened on already."""

    def __init__(self, app: Callable[..., Any], *, threads: int, **listening: Any) -> None:
        # Waitress' own types say that it holds sockets; it holds listeners and connections.
        self._map: dict[int, Any] = {}
        room = _room_for_connections()
        create_server(
            app,
            map=self._map,
            threads=threads,
            # Waitress' own limit closes the door; ours makes room long before.
            connection_limit=2 * room,
            **_SETTINGS,
            **listening,
        )
        for listener in self._listeners():
            listener.channel_class = _Channel
            listener.handle_accept = partial(_accept_those_waiting, listener)
            listener.most_channels = room
            listener.is_finishing = False

    def turn(self) -> None:
        """Read, answer and write what is to be done now; wait at most `TURN_SECONDS` for it."""
        wasyncore.loop(timeout=TURN_SECONDS, use_poll=True, map=self._map, count=1)

    def serve_until(self, told: threading.Event) -> None:
        """Serve until the event is set."""
        while not told.is_set():
            self.turn()

    def finish(
        self,
        *,
        idle_seconds: float = 0.0,
        within_seconds: float = FINISH_SECONDS,
        meanwhile: Callable[[], object] = bool,
    ) -> None:
        """Take no new connection, answer what has been asked, and close; call `meanwhile` often.

        For `idle_seconds` the connections that are kept open may still ask, and are told that the
        answer is their last one here: who goes on elsewhere loses no request.
        """
        for listener in self._listeners():
            listener.accepting = False
            listener.is_finishing = True
        began_at = uptime_seconds()
        while self._channels() and uptime_seconds() < began_at + within_seconds:
            if not self._is_busy() and uptime_seconds() >= began_at + idle_seconds:
                break
            meanwhile()
            self.turn()
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._listeners()[0].task_dispatcher.shutdown()
        wasyncore.close_all(self._map)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._listeners()[0].effective_port)

    def _listeners(self) -> list[Any]:
        return [found for found in self._map.values() if isinstance(found, BaseWSGIServer)]

    def _channels(self) -> list[HTTPChannel]:
        return [found for found in self._map.values() if isinstance(found, HTTPChannel)]

    def _is_busy(self) -> bool:
        return any(channel.requests or channel.total_outbufs_len for channel in self._channels())


def _accept_those_waiting(listener: Any) -> None:
    # One connection a turn, as waitress does it, takes seconds when a thousand come at once.
    for _ in range(ACCEPTED_A_TURN):
        known = len(listener.active_channels)
        type(listener).handle_accept(listener)
        if len(listener.active_channels) == known:
            return


def _make_room(server: Any) -> None:
    waiting = [
        channel
        for channel in server.active_channels.values()
        if not (channel.requests or channel.total_outbufs_len or channel.will_close)
    ]
    if waiting:
        min(waiting, key=lambda channel: channel.last_whole_request).will_close = True


def _room_for_connections() -> int:
    """How many connections there may be; asks the system for as many descriptors as that takes."""
    wanted = MOST_CONNECTIONS * DESCRIPTORS_PER_CONNECTION + DESCRIPTORS_FOR_THE_REST
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return min(
        MOST_CONNECTIONS,
        (max(soft, allowed) - DESCRIPTORS_FOR_THE_REST) // DESCRIPTORS_PER_CONNECTION,
    )
