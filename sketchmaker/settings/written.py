"""The settings as they are written, in the environment and in `.env`."""

import difflib
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sketchmaker.settings.database_url import URL_FORMS
from sketchmaker.settings.errors import SettingsError
from sketchmaker.settings.secret_key import SHORTEST_SECRET_KEY

LogLevel = Literal["debug", "info", "warning", "error"]


class Written(BaseSettings):
    """The settings as they are written. Each description ends the sentence "... must be"."""

    model_config = SettingsConfigDict(
        case_sensitive=True, env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str = Field("", alias="DATABASE_URL", description=URL_FORMS)
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
    smtp_url: str | None = Field(
        None,
        alias="SKETCHMAKER_SMTP_URL",
        description="smtp://user:password@host:587 or smtps://user:password@host",
    )
    mail_from: str | None = Field(
        None,
        alias="SKETCHMAKER_MAIL_FROM",
        max_length=200,
        description="an e-mail address, such as Sketchmaker <studio@example.org>",
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
    web_threads: int = Field(
        8, alias="SKETCHMAKER_WEB_THREADS", ge=1, le=64, description="a number from 1 to 64"
    )
    studio_threads: int = Field(2, alias="SKETCHMAKER_STUDIO_THREADS", ge=1, description="above 0")
    sandbox_words: Literal["auto", "on", "off"] = Field(
        "auto", alias="SKETCHMAKER_SANDBOX_WORDS", description="auto, on or off"
    )
    log_level: Annotated[LogLevel, BeforeValidator(str.lower)] = Field(
        "info", alias="SKETCHMAKER_LOG_LEVEL", description="debug, info, warning or error"
    )


_NAMES = {field.alias: field for field in Written.model_fields.values() if field.alias}
_SECRETS = ("ADMIN_PASSWORD", "SECRET_KEY", "MASTER_KEY", "SMTP_URL")
_SECRET_NAMES = {"DATABASE_URL", *(f"SKETCHMAKER_{name}" for name in _SECRETS)}


def read(env_file: Path) -> Written:
    """The environment, and `.env` for what that leaves out.

    Raises:
        SettingsError: with one sentence for everything that is wrong.
    """
    try:
        return Written(_env_file=env_file, **_secrets_in_files(env_file))
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


def unknown_names(env_file: Path) -> tuple[str, ...]:
    """The names that look like ours and are not."""
    written = {*os.environ, *dotenv_values(env_file)}
    known = {*_NAMES, *(f"{name}_FILE" for name in _SECRET_NAMES)}
    return tuple(sorted(n for n in written - known if n.startswith("SKETCHMAKER_")))


def about_unknown(name: str) -> str:
    """A sentence about a setting that does not exist."""
    alike = difflib.get_close_matches(name, _NAMES, n=1)
    meant = f" Did you mean {alike[0]}?" if alike else ""
    return f"There is no setting {name}, it has no effect.{meant}"
