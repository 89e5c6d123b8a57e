"""What one request works with: one instant, and one read transaction for all that it reads.

Whoever is signed in, the view and the frame around its page see the same rows at the same time. A
view that writes gives the read transaction back first, so that a thread never holds two
connections; what it reads afterwards is what it wrote.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final, cast

from flask import Flask, g
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from sketchmaker.database import DatabaseUnavailable, outages_named
from sketchmaker.web.frame.parts import parts

TIME: Final = "request_time"
READER: Final = "request_reader"


def install(app: Flask) -> None:
    """Give everything back when the request ends."""
    app.teardown_request(lambda _error: begin_again())


def request_time() -> datetime:
    """The instant for which this request is answered."""
    if TIME not in g:
        setattr(g, TIME, parts().clock.now())
    return cast(datetime, getattr(g, TIME))


@contextmanager
def reading() -> Iterator[Session]:
    """This request's session for reading. Blocks may follow each other, or stand in each other.

    Raises:
        DatabaseUnavailable: as `Database.reading`.
    """
    try:
        with outages_named(writing=False):
            yield _reader()
    except (DatabaseUnavailable, SQLAlchemyError):
        _give_back()  # after such an error PostgreSQL answers nothing else in this transaction
        raise


@contextmanager
def transaction() -> Iterator[Session]:
    """A transaction that writes, as `Database.transaction`; never within a block of `reading`."""
    _give_back()
    with parts().database.transaction() as session:
        yield session


@contextmanager
def rehearsal() -> Iterator[Session]:
    """As `transaction`, but its work is undone: to show what a verb would do."""
    _give_back()
    with parts().database.rehearsal() as session:
        yield session


def begin_again() -> None:
    """Forget what was read, and when: the request ends, or is answered anew."""
    _give_back()
    g.pop(TIME, None)


def _reader() -> Session:
    if READER not in g:
        block = parts().database.reading()
        setattr(g, READER, (block, block.__enter__()))
    return cast(Session, getattr(g, READER)[1])


def _give_back() -> None:
    block, _ = g.pop(READER, (None, None))
    if block is not None:
        with suppress(DatabaseUnavailable):  # whoever had to be told has been
            block.__exit__(None, None, None)
