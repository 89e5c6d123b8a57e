"""The only reader of the environment: settings are read and checked once, when a process starts.

A wrong one is a `SettingsError`: a sentence that names the setting, says what is wrong with it and
what to do, and never shows a password.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from sketchmaker.settings.database_url import database_url
from sketchmaker.settings.errors import SettingsError
from sketchmaker.settings.mail import MailSettings, mail_settings
from sketchmaker.settings.secret_key import SHORTEST_SECRET_KEY, kept_secret_key
from sketchmaker.settings.written import (
    LogLevel,
    Written,
    about_unknown,
    read,
    unknown_names,
)

__all__ = ["SHORTEST_SECRET_KEY", "MailSettings", "Settings", "SettingsError", "load"]

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Settings:
    """Everything that is decided outside the code, checked."""

    database_url: str = field(repr=False)
    data_folder: Path
    secret_key: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 5000
    admin_email: str | None = None
    admin_password: str | None = field(default=None, repr=False)
    public_url: str | None = None
    trusted_proxies: int = 0
    limits: str = ""
    is_registration_open: bool = True
    contact: str | None = None
    web_threads: int = 8
    studio_threads: int = 2
    obeys_sandbox_words: bool = True
    log_level: LogLevel = "info"
    mail: MailSettings | None = None
    # Names that look like ours and are not: else a misspelt setting would silently do nothing.
    unknown_names: tuple[str, ...] = ()

    @property
    def unknown_names_warning(self) -> str | None:
        """A sentence about settings that will have no effect; None when there are none."""
        if not self.unknown_names:
            return None
        return " ".join(about_unknown(name) for name in self.unknown_names)


def load(env_file: Path = Path(".env"), *, creates: bool = True) -> Settings:
    """Read the environment, then `.env` for what it leaves out; make the data folder and the key.

    Without `creates` nothing is made or written, and the secret key is empty if there is none yet.

    Raises:
        SettingsError: with one sentence for everything that is wrong.
    """
    written = read(env_file)
    data_folder = Path(written.data).expanduser().absolute()
    if creates:
        _make_ready(data_folder)
    key_file = data_folder / "secret.key"
    is_kept = creates or key_file.exists()
    return Settings(
        database_url=database_url(written.database_url, data_folder),
        data_folder=data_folder,
        host=written.host,
        port=written.port,
        admin_email=written.admin_email,
        admin_password=written.admin_password,
        secret_key=written.secret_key or (kept_secret_key(key_file) if is_kept else ""),
        public_url=written.public_url and written.public_url.rstrip("/"),
        trusted_proxies=written.trusted_proxies,
        limits=written.limits,
        is_registration_open=written.registration == "open",
        contact=written.contact,
        web_threads=written.web_threads,
        studio_threads=written.studio_threads,
        obeys_sandbox_words=_obeys_sandbox_words(written),
        log_level=written.log_level,
        mail=mail_settings(written.smtp_url, written.mail_from, written.public_url),
        unknown_names=unknown_names(env_file),
    )


def _obeys_sandbox_words(written: Written) -> bool:
    is_private = written.host in LOOPBACK and written.trusted_proxies == 0
    return {"auto": is_private, "on": True, "off": False}[written.sandbox_words]


def _make_ready(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(
            f"The data folder {folder} can't be written ({error.strerror}): "
            "give this user the right to, or name another folder by SKETCHMAKER_DATA."
        ) from error
