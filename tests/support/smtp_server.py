"""A mail server on a free port that takes, puts off or refuses what it is given."""

import socketserver
import ssl
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Event, Thread
from typing import Any

from sketchmaker.settings import MailSettings


@dataclass
class PostOffice:
    """What the server has taken, and what it answers from now on to each command."""

    port: int = 0
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    messages: list[EmailMessage] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """By command: `{"RCPT": "550 No such user"}`."""
    silent: Event = field(default_factory=Event)
    """While set, nothing is answered."""
    tls: ssl.SSLContext | None = None
    """With it STARTTLS is offered, and after that a password is taken."""
    passwords: list[str] = field(default_factory=list)
    """What came with AUTH PLAIN."""


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.office: PostOffice = self.server.office  # type: ignore[attr-defined]
        self.sender, self.recipients = "", list[str]()
        self.say("220 post.example.org")
        while line := self.rfile.readline():
            words = line.decode("utf-8").strip()
            if not self.answer(words.partition(" ")[0].upper(), words):
                return

    def answer(self, command: str, words: str) -> bool:
        if given := self.office.answers.get(command):
            self.say(given)
            return True
        if command == "EHLO":
            self.greet()
        elif command == "STARTTLS" and self.office.tls:
            self.say("220 Go on")
            self.connection = self.office.tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
        elif command == "AUTH":
            self.office.passwords.append(b64decode(words.rsplit(maxsplit=1)[-1]).decode())
            self.say("235 Welcome")
        elif command == "DATA":
            self.take()
        else:
            self.note(command, words)
            self.say("221 Bye" if command == "QUIT" else "250 OK")
        return command != "QUIT"

    def greet(self) -> None:
        self.say("250-post.example.org")
        if isinstance(self.connection, ssl.SSLSocket):
            self.say("250-AUTH PLAIN")
        elif self.office.tls:
            self.say("250-STARTTLS")
        self.say("250 SMTPUTF8")

    def note(self, command: str, words: str) -> None:
        address = words.partition("<")[2].partition(">")[0]
        if command == "MAIL":
            self.sender, self.recipients = address, []
        elif command == "RCPT":
            self.recipients.append(address)

    def take(self) -> None:
        self.say("354 Go on")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        message: Any = message_from_bytes(b"".join(lines), policy=policy.default)
        self.office.envelopes.append((self.sender, self.recipients))
        self.office.messages.append(message)
        self.say("250 Taken")

    def finish(self) -> None:
        super().finish()
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.close()  # the one it was made of is the server's to close

    def say(self, words: str) -> None:
        if not self.office.silent.is_set():
            self.connection.sendall(words.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_args: object) -> None:
        """Somebody hung up, as who mistrusts a certificate does."""


@contextmanager
def post_office() -> Iterator[PostOffice]:
    """A mail server, open until the block ends."""
    office = PostOffice()
    with _Server(("127.0.0.1", 0), _Conversation) as server:
        server.office = office  # type: ignore[attr-defined]
        office.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield office
        finally:
            server.shutdown()
            thread.join()


def mail_settings(office: PostOffice) -> MailSettings:
    """The settings of a product that sends its mail there."""
    return MailSettings(
        host="127.0.0.1",
        port=office.port,
        is_tls=False,
        user="",
        password="",
        sender="Sketchmaker <studio@example.org>",
        site="https://studio.example.org",
    )
