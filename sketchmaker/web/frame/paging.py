"""Places in lists in addresses: read without trust, written beside what else was asked for."""

from typing import Final
from urllib.parse import urlencode

from flask import Flask, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from sketchmaker.paging import Cursor

HIGHEST_ID: Final = 2**31 - 1
"""No row of a person's has a higher number: addresses and forms with one are wrong."""

HIGHEST_PAGE: Final = 1_000_000
LONGEST_SEARCH: Final = 100
PLACE: Final = "at"
"""The parameter that carries a cursor."""


def install(app: Flask) -> None:
    """Let templates link to other pages of a list."""
    app.jinja_env.globals |= {"page_url": page_url, "cursor_url": cursor_url}


def page_number() -> int:
    """The page that was asked for, from 1; whatever is no such number means the first."""
    return whole_number("page", default=1, highest=HIGHEST_PAGE) or 1


def whole_number(name: str, *, default: int | None, highest: int) -> int | None:
    """A positive whole number of the query string; `default` for anything else."""
    text = request.args.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(highest))):
        return default
    return int(text) if 1 <= int(text) <= highest else default


def search_text() -> str:
    """What was typed into the search box, cut to a sensible length."""
    return asked("q").strip()[:LONGEST_SEARCH]


def asked(name: str) -> str:
    """A value of the query string that may be looked for in the database; "" without it."""
    # PostgreSQL refuses a text with this character, and no name has it.
    return request.args.get(name, "").replace("\0", "")


def cursor() -> Cursor | None:
    """The place in this list that was asked for; None, the beginning, for what we never wrote."""
    try:
        key, goes_back = _signer().loads(request.args.get(PLACE, ""))
    except BadSignature:
        return None
    return Cursor(tuple(key), goes_back)


def page_url(page: int) -> str:
    """The present address with another page number."""
    return address(without="page", page=str(page))


def cursor_url(place: Cursor) -> str:
    """The present address at another place of the list."""
    return address(without=PLACE, **{PLACE: _signed(place)})


def address(*, without: str, value: str | None = None, **more: str) -> str:
    """The present address but for a parameter, or for one value of it, and with what is more.

    It is at the beginning of the list, unless `more` has another place.
    """
    kept = [
        (name, one)
        for name, one in request.args.items(multi=True)
        if one and name not in (PLACE, *more) and (name != without or value not in (None, one))
    ]
    query = urlencode([*kept, *more.items()])
    return f"{request.path}?{query}" if query else request.path


def _signed(place: Cursor) -> str:
    return str(_signer().dumps([place.key, place.goes_back]))


def _signer() -> URLSafeSerializer:
    """Signs for this list alone: the key of another one would mean nothing here."""
    salt = f"sketchmaker place in {request.path}"
    return URLSafeSerializer(str(current_app.secret_key), salt=salt)
