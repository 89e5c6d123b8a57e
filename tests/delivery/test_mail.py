"""Mail, handed to a server that speaks SMTP."""

import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sketchmaker.clock import ManualClock
from sketchmaker.delivery.deliverers import Undeliverable
from sketchmaker.delivery.letters import Letter
from sketchmaker.delivery.mail import Mailer
from sketchmaker.delivery.mail_server import MailServer
from sketchmaker.record.outbox_deliveries import Delivery
from tests.conftest import START
from tests.support.smtp_server import PostOffice, mail_settings, post_office

LETTER = Letter(
    to="ada@example.org",
    subject="Your new password",
    greeting="Hello ada,",
    before=("open this <address>:",),
    link="https://studio.example.org/a?b=1&c=2",
    link_text="Choose a password",
    after=("It works once.",),
)
EVENT = Delivery(1, "event-1", "mail", "mail.test", "user 7", {}, START, 1)


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as opened:
        yield opened


def server(office: PostOffice, **different: Any) -> MailServer:
    return MailServer(replace(mail_settings(office), **different), timeout_seconds=0.5)


def send(office: PostOffice, letter: Letter | None = LETTER, **different: object) -> None:
    mailer = Mailer(
        server(office, **different),
        ManualClock(START),
        sender="Sketchmaker <studio@example.org>",
        writers={"mail.test": lambda _delivery: letter},
    )
    mailer.deliver(EVENT)


def test_a_letter_arrives_as_text_and_as_plain_html(office: PostOffice) -> None:
    send(office)
    (message,) = office.messages
    assert office.envelopes == [("studio@example.org", ["ada@example.org"])]
    assert message["Subject"] == "Your new password"
    assert message["Date"] == "Thu, 15 Jan 2026 12:00:00 +0000"
    assert message["Message-ID"] == "<event-1.1@example.org>"
    text, html = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    assert "https://studio.example.org/a?b=1&c=2\n" in text
    assert "\xa0" not in text
    assert "open this &lt;address&gt;:" in html
    assert '<a href="https://studio.example.org/a?b=1&amp;c=2">Choose a password</a>' in html


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_what_the_server_refuses_for_good_is_never_tried_again(
    office: PostOffice, command: str
) -> None:
    office.answers[command] = "550 Not here"
    with pytest.raises(Undeliverable, match="550 Not here"):
        send(office)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_what_the_server_puts_off_is_tried_again(office: PostOffice, command: str) -> None:
    office.answers[command] = "451 Later"
    with pytest.raises(smtplib.SMTPException, match="451 Later"):
        send(office)


def test_what_the_server_says_is_kept_without_the_address(office: PostOffice) -> None:
    office.answers["RCPT"] = "550 <ada@example.org>: unknown here"
    with pytest.raises(Undeliverable) as refused:
        send(office)
    assert str(refused.value) == "The mail server refused it: 550 <(recipient)>: unknown here"


def test_a_server_that_says_nothing_is_not_waited_for(office: PostOffice) -> None:
    office.silent.set()
    with pytest.raises((OSError, smtplib.SMTPException)):
        send(office)


def test_a_server_that_is_not_there_is_tried_again(office: PostOffice) -> None:
    with pytest.raises(OSError, match="refused"):
        send(office, port=1)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server needs to speak TLS as 127.0.0.1; whoever connects now trusts it."""
    files = {"-keyout": str(tmp_path / "key.pem"), "-out": str(tmp_path / "cert.pem")}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=post"]
        + ["-addext", "subjectAltName=IP:127.0.0.1"]
        + [word for pair in files.items() for word in pair],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["-out"], files["-keyout"])
    monkeypatch.setenv("SSL_CERT_FILE", files["-out"])
    return context


def test_a_password_is_sent_once_the_connection_is_encrypted(
    office: PostOffice, trusted: ssl.SSLContext
) -> None:
    office.tls = trusted
    send(office, user="studio", password="secret")
    assert office.passwords == ["\0studio\0secret"]
    assert len(office.messages) == 1


def test_a_server_that_nobody_vouches_for_gets_no_password(
    office: PostOffice, trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.tls = trusted
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ssl.SSLCertVerificationError):
        send(office, user="studio", password="secret")
    assert office.passwords == []


def test_a_wrong_password_of_the_settings_is_no_fault_of_the_letter(
    office: PostOffice, trusted: ssl.SSLContext
) -> None:
    office.tls = trusted
    office.answers["AUTH"] = "535 Wrong"
    with pytest.raises(smtplib.SMTPAuthenticationError):
        send(office, user="studio", password="secret")


def test_no_password_is_sent_where_anybody_could_read_it(office: PostOffice) -> None:
    with pytest.raises(smtplib.SMTPException, match="no TLS"):
        send(office, user="studio", password="secret")


@pytest.mark.parametrize(
    "different",
    [
        {"subject": "Hello\r\nBcc: eve@example.org"},
        {"to": "ada@example.org\nBcc: eve@example.org"},
        {"to": "ada@example.org, eve@example.org"},
        {"to": ""},
    ],
)
def test_nothing_in_a_letter_makes_another_header_or_another_recipient(
    office: PostOffice, different: dict[str, Any]
) -> None:
    with pytest.raises(Undeliverable):
        send(office, replace(LETTER, **different))
    assert office.messages == []


def test_an_event_that_concerns_nobody_any_more_sends_nothing(office: PostOffice) -> None:
    send(office, None)
    assert office.messages == []


def test_an_event_without_a_letter_is_never_tried_again(office: PostOffice) -> None:
    mailer = Mailer(server(office), ManualClock(START), sender="a@example.org", writers={})
    with pytest.raises(Undeliverable, match=r"mail\.test"):
        mailer.deliver(EVENT)


def test_an_address_in_another_script_is_written_to(office: PostOffice) -> None:
    send(office, replace(LETTER, to="jörg@bücher.example"))
    assert office.envelopes[0][1] == ["jörg@bücher.example"]
