"""The deliverer `mail`: letters to people, by the mail server of the settings."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from sketchmaker.clock import Clock
from sketchmaker.delivery.deliverers import Undeliverable
from sketchmaker.delivery.letters import Letter, as_message
from sketchmaker.delivery.mail_server import MailServer
from sketchmaker.record.outbox_deliveries import Delivery

Writer = Callable[[Delivery], Letter | None]
"""Writes the letter of an event; None when there is nobody any more to write to."""


class Mailer:
    """Writes a letter for each event and hands it to the mail server."""

    name: Final = "mail"
    kinds: Final = frozenset[str]()
    # A server may take its fifteen seconds for each of several answers.
    lease: Final = timedelta(minutes=5)
    waits: Final = (
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=6),
        timedelta(hours=12),
    )

    def __init__(
        self, server: MailServer, clock: Clock, *, sender: str, writers: Mapping[str, Writer]
    ) -> None:
        self._server = server
        self._clock = clock
        self._sender = sender
        self._writers = writers

    def deliver(self, delivery: Delivery) -> None:
        """Write it and send it.

        Raises:
            Undeliverable: nobody writes such letters, or the server will never take it.
            OSError, smtplib.SMTPException, DatabaseUnavailable: try again later.
        """
        write = self._writers.get(delivery.kind)
        if write is None:
            raise Undeliverable(f"There is no letter for {delivery.kind}.")
        letter = write(delivery)
        if letter is None:
            return
        # Each attempt has its own: a letter's link may be newer than that of the attempt before.
        message_id = f"{delivery.event_id}.{delivery.attempt}"
        message = as_message(
            letter, sender=self._sender, message_id=message_id, now=self._clock.now()
        )
        self._server.send(message)
