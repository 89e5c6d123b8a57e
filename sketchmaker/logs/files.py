"""Files that several processes write to, each with a size and a number of older ones kept."""

import logging
from pathlib import Path

from concurrent_log_handler import ConcurrentRotatingFileHandler

from sketchmaker.settings import SettingsError

LOG_BYTES = 5_000_000
LOG_FILES_KEPT = 5


def rotating(path: Path) -> logging.Handler:
    """A handler that writes to this file, for its owner only.

    Raises:
        SettingsError: the file can't be written.
    """
    try:
        # The handler opens the file with the first event: too late to say that it can't.
        path.touch(mode=0o600)
        path.open("a").close()
    except OSError as error:
        raise SettingsError(
            f"The log {path} can't be written ({error.strerror}): give this user the right to."
        ) from error
    handler: logging.Handler = ConcurrentRotatingFileHandler(
        path,
        maxBytes=LOG_BYTES,
        backupCount=LOG_FILES_KEPT,
        encoding="utf-8",
        lock_file_directory=str(path.parent),
        chmod=0o600,
    )
    return handler
