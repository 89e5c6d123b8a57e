"""Which database the settings name."""

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sketchmaker.settings.errors import SettingsError

URL_FORMS = "sqlite:////folder/file.db or postgresql://user:password@host/database"
_SQLITE_FILE_BEGINS = b"SQLite format 3\0"


def database_url(written: str, data_folder: Path) -> str:
    """SQLAlchemy's URL for what is written; a file in the data folder when nothing is.

    Raises:
        SettingsError: not a database of ours, or a file that can't be used.
    """
    if not written:
        return _render(URL.create("sqlite", database=str(data_folder / "sketchmaker.db")))
    try:
        url = make_url(written.strip())
    except (ArgumentError, ValueError):
        raise SettingsError(f"DATABASE_URL can't be understood: it must be {URL_FORMS}.") from None
    backend = url.drivername.partition("+")[0]
    if backend in {"postgres", "postgresql"}:
        return _render(url.set(drivername="postgresql+psycopg"))
    if backend == "sqlite":
        return _render(url.set(drivername="sqlite", database=str(_sqlite_file(url))))
    raise SettingsError(
        f"DATABASE_URL is for {backend}, which is not supported: it must be {URL_FORMS}."
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
