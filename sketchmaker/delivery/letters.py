"""What is written to people by mail: text first, and the same as plain HTML."""

from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default as message_policy
from email.utils import format_datetime, parseaddr
from html import escape

from sketchmaker.delivery.deliverers import Undeliverable


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to one person: sentences, an address to open, and sentences after it."""

    to: str
    subject: str
    greeting: str
    before: tuple[str, ...]
    link: str
    link_text: str
    after: tuple[str, ...]


def as_message(letter: Letter, *, sender: str, message_id: str, now: datetime) -> EmailMessage:
    """The letter as mail.

    Raises:
        Undeliverable: a header would hold what no header may, such as a second line.
    """
    message = EmailMessage()
    name, address = parseaddr(sender)
    try:
        message["Subject"] = letter.subject
        message["From"] = Address(name, addr_spec=address)
        message["To"] = _one_address(letter.to)
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{message_id}@{address.rpartition('@')[2]}>"
    except (ValueError, IndexError, HeaderParseError) as error:
        raise Undeliverable(f"It can't be written as mail: {error}") from error
    # So that nobody's holiday answers it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_as_text(letter))
    message.add_alternative(_as_html(letter), subtype="html")
    return message


def _one_address(written: str) -> str:
    """The address as it is written. A comma in it must not make it two."""
    found = message_policy.header_factory("To", written).addresses
    if [address.addr_spec for address in found] != [written]:
        raise ValueError("that is not one address")
    return written


def _as_text(letter: Letter) -> str:
    return "\n\n".join([letter.greeting, *letter.before, letter.link, *letter.after]) + "\n"


def _as_html(letter: Letter) -> str:
    link = f'<a href="{escape(letter.link)}">{escape(letter.link_text)}</a>'
    said = [escape(part) for part in (letter.greeting, *letter.before)]
    said += [link, *map(escape, letter.after)]
    paragraphs = "\n".join(f"<p>{part}</p>" for part in said)
    return f'<!doctype html>\n<html lang="en"><body>\n{paragraphs}\n</body></html>\n'
