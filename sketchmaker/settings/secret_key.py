"""The secret key: kept in a file of the data folder when no setting names it."""

import os
import tempfile
from pathlib import Path

from sketchmaker.randomness import token
from sketchmaker.settings.errors import SettingsError

SHORTEST_SECRET_KEY = 32


def kept_secret_key(file: Path) -> str:
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
