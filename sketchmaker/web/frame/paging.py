"""Page numbers in addresses: read without trust, written beside what else was asked for."""

from typing import Final
from urllib.parse import urlencode

from flask import Flask, request

HIGHEST_PAGE: Final = 1_000_000
LONGEST_SEARCH: Final = 100


def install(app: Flask) -> None:
    """Let templates link to other pages of a list."""
    app.jinja_env.globals["page_url"] = page_url


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


def page_url(page: int) -> str:
    """The present address with another page number."""
    kept = {name: value for name, value in request.args.items() if value and name != "page"}
    return f"{request.path}?{urlencode(kept | {'page': str(page)})}"
