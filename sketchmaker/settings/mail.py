"""The mail server and the sender that the settings name."""

from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from sketchmaker.settings.errors import SettingsError

URL_FORMS = "smtp://user:password@host:587, smtps://user:password@host or smtp://localhost:25"
_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True)
class MailSettings:
    """Where mail is handed in and whom it is from. `site` is the address that its links begin with.

    With `is_tls` the connection is encrypted from its beginning; else it is as soon as the server
    offers it.
    """

    host: str
    port: int
    is_tls: bool
    user: str
    password: str = field(repr=False)
    sender: str
    site: str


def mail_settings(url: str | None, sender: str | None, site: str | None) -> MailSettings | None:
    """The settings of mail; None when no server is named.

    Raises:
        SettingsError: the server can't be understood, or it is named without sender or address.
    """
    if url is None:
        return None
    if sender is None or not _is_sender(sender):
        raise SettingsError(
            "SKETCHMAKER_MAIL_FROM must be an e-mail address when SKETCHMAKER_SMTP_URL is set, "
            "such as Sketchmaker <studio@example.org>."
        )
    # A link in a mail must not lead where the sender of a request wants it to.
    if site is None:
        raise SettingsError(
            "SKETCHMAKER_PUBLIC_URL must be set when SKETCHMAKER_SMTP_URL is: mail has links."
        )
    return _server(url, sender, site.rstrip("/"))


def _server(url: str, sender: str, site: str) -> MailSettings:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise _not_understood() from None
    is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment
    if parts.scheme not in _PORTS or not parts.hostname or not is_bare:
        raise _not_understood()
    return MailSettings(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        is_tls=parts.scheme == "smtps",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        sender=sender.strip(),
        site=site,
    )


def _is_sender(sender: str) -> bool:
    _, address = parseaddr(sender)
    try:
        found = Address(addr_spec=address)
    except (HeaderParseError, ValueError, IndexError):
        return False
    return bool(found.username and found.domain) and sender.isprintable()


def _not_understood() -> SettingsError:
    return SettingsError(f"SKETCHMAKER_SMTP_URL can't be understood: it must be {URL_FORMS}.")
