"""The only reader of the environment: settings are read and checked once, when a process starts.

A wrong one is a `SettingsError`: a sentence that names the setting, says what is wrong with it and
what to do, and never shows a password.
"""

import difflib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sketchmaker.randomness import token

LogLevel = Literal["debug", "info", "warning", "error"]

SHORTEST_SECRET_KEY = 32
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_SQLITE_FILE_BEGINS = b"SQLite format 3\0"
_URL_FORMS = "sqlite:////folder/file.db or postgresql://user:password@host/database"


class SettingsError(Exception):
    """A setting is wrong, or what it names can't be used. The text says which and what to do."""


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
    studio_threads: int = 2
    obeys_sandbox_words: bool = True
    log_level: LogLevel = "info"
    # Names that look like ours and are not: else a misspelt setting would silently do nothing.
    unknown_names: tuple[str, ...] = ()

    @property
    def unknown_names_warning(self) -> str | None:
        """A sentence about settings that will have no effect; None when there are none."""
        if not self.unknown_names:
            return None
        return " ".join(_unknown(name) for name in self.unknown_names)


class _Environment(BaseSettings):
    """The settings as they are written. Each description ends the sentence "... must be"."""

    model_config = SettingsConfigDict(
        case_sensitive=True, env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str = Field("", alias="DATABASE_URL", description=_URL_FORMS)
    data: str = Field("data", alias="SKETCHMAKER_DATA", description="a folder")
    host: str = Field("127.0.0.1", alias="SKETCHMAKER_HOST", description="an address to listen on")
    port: int = Field(
        5000, alias="SKETCHMAKER_PORT", ge=1, le=65535, description="a number from 1 to 65535"
    )
    admin_email: str | None = Field(
        None, alias="SKETCHMAKER_ADMIN_EMAIL", description="an e-mail address"
    )
    admin_password: str | None = Field(
        None, alias="SKETCHMAKER_ADMIN_PASSWORD", description="a password"
    )
    secret_key: str | None = Field(
        None,
        alias="SKETCHMAKER_SECRET_KEY",
        min_length=SHORTEST_SECRET_KEY,
        description=f"{SHORTEST_SECRET_KEY} random characters or more",
    )
    master_key: str | None = Field(
        None, alias="SKETCHMAKER_MASTER_KEY", description="kept for a later release"
    )
    public_url: str | None = Field(
        None,
        alias="SKETCHMAKER_PUBLIC_URL",
        pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?$",
        description="how visitors reach the site, such as https://studio.example.org",
    )
    trusted_proxies: int = Field(
        0, alias="SKETCHMAKER_TRUSTED_PROXIES", ge=0, le=5, description="a number from 0 to 5"
    )
    limits: str = Field(
        "", alias="SKETCHMAKER_LIMITS", description="limits such as sign-up/address=20/hour"
    )
    registration: Literal["open", "closed"] = Field(
        "open", alias="SKETCHMAKER_REGISTRATION", description="open or closed"
    )
    contact: str | None = Field(
        None, alias="SKETCHMAKER_CONTACT", max_length=200, description="at most 200 characters"
    )
    studio_threads: int = Field(2, alias="SKETCHMAKER_STUDIO_THREADS", ge=1, description="above 0")
    sandbox_words: Literal["auto", "on", "off"] = Field(
        "auto", alias="SKETCHMAKER_SANDBOX_WORDS", description="auto, on or off"
    )
    log_level: Annotated[LogLevel, BeforeValidator(str.lower)] = Field(
        "info", alias="SKETCHMAKER_LOG_LEVEL", description="debug, info, warning or error"
    )


_NAMES = {field.alias: field for field in _Environment.model_fields.values() if field.alias}
_SECRETS = ("ADMIN_PASSWORD", "SECRET_KEY", "MASTER_KEY")
_SECRET_NAMES = {"DATABASE_URL", *(f"SKETCHMAKER_{name}" for name in _SECRETS)}


def load(env_file: Path = Path(".env"), *, creates: bool = True) -> Settings:
    """Read the environment, then `.env` for what it leaves out; make the data folder and the key.

    Without `creates` nothing is made or written, and the secret key is empty if there is none yet.

    Raises:
        SettingsError: with one sentence for everything that is wrong.
    """
    written = _read(env_file)
    data_folder = Path(written.data).expanduser().absolute()
    if creates:
        _make_ready(data_folder)
    key_file = data_folder / "secret.key"
    is_kept = creates or key_file.exists()
    return Settings(
        database_url=_database_url(written.database_url, data_folder),
        data_folder=data_folder,
        host=written.host,
        port=written.port,
        admin_email=written.admin_email,
        admin_password=written.admin_password,
        secret_key=written.secret_key or (_kept_secret_key(key_file) if is_kept else ""),
        public_url=written.public_url and written.public_url.rstrip("/"),
        trusted_proxies=written.trusted_proxies,
        limits=written.limits,
        is_registration_open=written.registration == "open",
        contact=written.contact,
        studio_threads=written.studio_threads,
        obeys_sandbox_words=_obeys_sandbox_words(written),
        log_level=written.log_level,
        unknown_names=_unknown_names(env_file),
    )


def _read(env_file: Path) -> _Environment:
    try:
        return _Environment(_env_file=env_file, **_secrets_in_files(env_file))
    except ValidationError as error:
        sentences = (_wrong(str(problem["loc"][0]), problem["input"]) for problem in error.errors())
        raise SettingsError(" ".join(sentences)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {env_file} can't be read: {error}.") from error


def _secrets_in_files(env_file: Path) -> dict[str, Any]:
    written = {**dotenv_values(env_file), **os.environ}
    named = {name: written.get(f"{name}_FILE") for name in _SECRET_NAMES}
    if both := [name for name in sorted(named) if named[name] and written.get(name)]:
        raise SettingsError(f"{both[0]} and {both[0]}_FILE are both set: keep one of them.")
    return {name: _secret_in(Path(file), name) for name, file in named.items() if file}


def _secret_in(file: Path, name: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}_FILE names {file}, which can't be read: {error}.") from error


def _wrong(name: str, value: object) -> str:
    rule = _NAMES[name].description
    shown = "has a value that can't be used:" if name in _SECRET_NAMES else f"is {value!r}:"
    return f"{name} {shown} it must be {rule}."


def _obeys_sandbox_words(written: _Environment) -> bool:
    is_private = written.host in LOOPBACK and written.trusted_proxies == 0
    return {"auto": is_private, "on": True, "off": False}[written.sandbox_words]


def _unknown_names(env_file: Path) -> tuple[str, ...]:
    written = {*os.environ, *dotenv_values(env_file)}
    known = {*_NAMES, *(f"{name}_FILE" for name in _SECRET_NAMES)}
    return tuple(sorted(n for n in written - known if n.startswith("SKETCHMAKER_")))


def _unknown(name: str) -> str:
    alike = difflib.get_close_matches(name, _NAMES, n=1)
    meant = f" Did you mean {alike[0]}?" if alike else ""
    return f"There is no setting {name}, it has no effect.{meant}"


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


def _database_url(written: str, data_folder: Path) -> str:
    if not written:
        return _render(URL.create("sqlite", database=str(data_folder / "sketchmaker.db")))
    try:
        url = make_url(written.strip())
    except (ArgumentError, ValueError):
        raise SettingsError(f"DATABASE_URL can't be understood: it must be {_URL_FORMS}.") from None
    backend = url.drivername.partition("+")[0]
    if backend in {"postgres", "postgresql"}:
        return _render(url.set(drivername="postgresql+psycopg"))
    if backend == "sqlite":
        return _render(url.set(drivername="sqlite", database=str(_sqlite_file(url))))
    raise SettingsError(
        f"DATABASE_URL is for {backend}, which is not supported: it must be {_URL_FORMS}."
    )


def _sqlite_file(url: URL) -> Path:
    if url.database in {None, "", ":memory:"}:
        raise SettingsError(
            "DATABASE_URL names an SQLite database in memory, which ends with the process: "
            "name a file, sqlite:////folder/file.db."
        )
    file = Path(str(url.database)).absolute()
    # SQLite writes its journal beside the file, so that the folder must be writable as well.
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise SettingsError(
            f"DATABASE_URL names a file in {file.parent}, which is not a folder that this user "
            "can write: make it, or name another one."
        )
    if not _may_be_sqlite(file):
        raise SettingsError(
            f"DATABASE_URL names {file}, which is not an SQLite file that this user can read: "
            "name another one; it is made if it does not exist."
        )
    return file


def _may_be_sqlite(file: Path) -> bool:
    if not file.exists():
        return True
    try:
        with file.open("rb") as opened:
            return opened.read(len(_SQLITE_FILE_BEGINS)) in {b"", _SQLITE_FILE_BEGINS}
    except OSError:
        return False


def _render(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _kept_secret_key(file: Path) -> str:
    """The key in the file, made at the first start: one, however many processes start at once."""
    try:
        if not file.exists():
            _write_once(file, token())
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The key file {file} can't be used ({error}): let this user read it, or set "
            "SKETCHMAKER_SECRET_KEY."
        ) from error
    if len(key) < SHORTEST_SECRET_KEY:
        raise SettingsError(
            f"The key file {file} is damaged: remove it. A new one is made and everybody has to "
            "sign in again."
        )
    return key


def _write_once(file: Path, text: str) -> None:
    # A link appears with its whole content or not at all, and never over another one.
    handle, draft = tempfile.mkstemp(dir=file.parent, prefix=".secret-")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as opened:
            opened.write(text + "\n")
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
