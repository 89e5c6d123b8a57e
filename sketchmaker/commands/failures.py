"""Failures that an operator can mend: one line on stderr, exit code 2, no traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sketchmaker.accounts.errors import AccountError
from sketchmaker.credits.rules.errors import CreditError
from sketchmaker.database import DatabaseUnavailable
from sketchmaker.record.errors import RecordError
from sketchmaker.schema import SchemaError
from sketchmaker.settings import SettingsError

EXIT_CODE = 2


class CannotListen(Exception):
    """The address is not to be had. The text says why and what to do."""


class CannotHammer(Exception):
    """No scratch database is to be had. The text says why."""


class CannotRepair(Exception):
    """A correction without an author or a reason. The text says what to add."""


PREDICTABLE = (
    AccountError,
    CannotHammer,
    CannotListen,
    CannotRepair,
    CreditError,
    DatabaseUnavailable,
    PermissionError,
    RecordError,
    SchemaError,
    SettingsError,
)


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """End the process with one line and exit code 2 when the block fails in a known way."""
    try:
        yield
    except PREDICTABLE as error:
        sys.stderr.write(f"Error: {' '.join(_sentence(error).split())}\n")
        sys.exit(EXIT_CODE)


def _sentence(error: Exception) -> str:
    if isinstance(error, DatabaseUnavailable) and "too many clients" in error.reason:
        return (
            f"The database has no connection left for this: {error.reason}. "
            "Try again in half a minute, or raise its max_connections: see docs/operations.md."
        )
    if isinstance(error, DatabaseUnavailable):
        # Who starts the product can do more about it than who visits it.
        return (
            f"The database does not answer: {error.reason}. "
            "See that its server runs and that DATABASE_URL is right."
        )
    return str(error)
