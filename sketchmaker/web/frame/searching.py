"""What an admin looks for, out of the address: how a text is meant, and how the page says so."""

from dataclasses import dataclass
from typing import Final

from flask import request

from sketchmaker.reports.searching import HIGHEST_ID, Match, Search
from sketchmaker.scheduling.job_ids import subscription_id_of
from sketchmaker.web.frame import paging

MATCH: Final = "match"
"""The parameter that chooses between `prefix`, the usual one, and `contains`."""

CHOICES: Final = (Match.PREFIX, Match.CONTAINS)


@dataclass(frozen=True)
class Chip:
    """A part of the filter in words, and the address without it."""

    words: str
    without_url: str


def wanted() -> Search | None:
    """The search that the address asks for; None without any text.

    A number is a user's, and the name of a reset a subscription's, unless `match` says otherwise.
    """
    text, match = paging.search_text(), request.args.get(MATCH)
    if not text:
        return None
    if match in CHOICES:
        return Search(text, Match(match))
    subscription_id = subscription_id_of(text)
    if subscription_id is not None:
        return Search(text, Match.JOB, subscription_id)
    if text.isascii() and text.isdigit():
        return Search(text, Match.NUMBER, min(int(text), HIGHEST_ID + 1))
    return Search(text, Match.PREFIX)


def other_match_url(match: Match) -> str:
    """The present address, from its beginning, with the text looked for in that way."""
    return paging.address(without=MATCH, **{MATCH: match})


def ignored(known: dict[str, frozenset[str] | None]) -> tuple[Chip, ...]:
    """The parameters that nothing came of.

    `known` has the names that mean something, each with the values that do; None for any value.
    """
    return tuple(
        Chip(f"{name}={value}"[: paging.LONGEST_SEARCH], paging.address(without=name, value=value))
        for name, value in request.args.items(multi=True)
        if value and not _means_something(known, name, value)
    )


def _means_something(known: dict[str, frozenset[str] | None], name: str, value: str) -> bool:
    return name in known and (known[name] is None or value in (known[name] or ()))
