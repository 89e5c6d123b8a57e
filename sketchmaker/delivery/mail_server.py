"""Handing a message to a mail server, once."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Final

from sketchmaker.delivery.deliverers import Undeliverable
from sketchmaker.settings import MailSettings

TIMEOUT_SECONDS: Final = 15.0
"""How long the server may keep silent."""

PERMANENT: Final = range(500, 600)


class MailServer:
    """The mail server of the settings: one connection for each message."""

    def __init__(self, settings: MailSettings, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._settings = settings
        self._timeout_seconds = timeout_seconds

    def send(self, message: EmailMessage) -> None:
        """Hand it over; the server has taken it when this returns.

        Raises:
            Undeliverable: the server will never take this message, or not for this recipient.
            OSError, smtplib.SMTPException: it does not take it now.
        """
        with self._connected() as server:
            try:
                server.send_message(message)
            except smtplib.SMTPRecipientsRefused as error:
                code, said = next(iter(error.recipients.values()))
                raise _refusal(code, said, message) from error
            except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
                raise _refusal(error.smtp_code, error.smtp_error, message) from error
            except smtplib.SMTPNotSupportedError as error:
                raise Undeliverable("The mail server takes no address in this script.") from error

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        server = self._connection()
        try:
            self._greet(server)
            yield server
        finally:
            with suppress(OSError, smtplib.SMTPException):
                server.quit()  # the message is taken, or refused, whatever is said to this
            server.close()

    def _connection(self) -> smtplib.SMTP:
        told = self._settings
        if told.is_tls:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(
                told.host, told.port, timeout=self._timeout_seconds, context=context
            )
        return smtplib.SMTP(told.host, told.port, timeout=self._timeout_seconds)

    def _greet(self, server: smtplib.SMTP) -> None:
        told = self._settings
        server.ehlo()
        if not told.is_tls and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
        elif not told.is_tls and told.user:
            # Not a fault of this message's: it is sent as soon as the settings are right.
            raise smtplib.SMTPException("The server offers no TLS, so no password is sent to it.")
        if told.user:
            server.login(told.user, told.password)


def _refusal(code: int, said: bytes | str, message: EmailMessage) -> Exception:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    # It goes into the log, where nobody's address belongs.
    words = words.replace(str(message["To"]), "(recipient)")
    if code in PERMANENT:
        return Undeliverable(f"The mail server refused it: {code} {words}")
    return smtplib.SMTPException(f"The mail server put it off: {code} {words}")
