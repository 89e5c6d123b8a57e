"""Freeze the data of the newest revision: `python -m tests.upgrades`.

Do it when a migration added a table, or when rows are written in another way than before. What is
frozen stays as it is: it is what the version of that time wrote.
"""

import tempfile
from pathlib import Path

from sketchmaker import schema
from sketchmaker.credits import books
from sketchmaker.database import Database
from tests.upgrades import frozen, past


def main() -> None:
    """Live through some weeks on a new database, see that its books close, write it down."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/past.db"
        database = Database(url)
        revision = schema.upgrade(database).after
        past.live_through(url, Path(folder))
        with database.reading() as session:
            broken = [str(found) for found in books.verify(session, now=past.NOW)]
        if broken:
            raise SystemExit("\n".join(broken))
        print(frozen.freeze(database, revision))  # noqa: T201
        database.close()


if __name__ == "__main__":
    main()
