"""What a verb is given, checked before any SQL: amounts, names, reasons and details."""

from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from sketchmaker.credits.rules.actions import ENGINE_ACTIONS
from sketchmaker.credits.rules.errors import (
    InvalidAction,
    InvalidAmount,
    InvalidDetails,
    InvalidReason,
    ReasonMissing,
    ReservedAction,
    UnknownPlan,
)
from sketchmaker.credits.rules.invalid_input import InvalidTimeZone

MAX_CREDITS = 1_000_000_000
LONGEST_ACTION = 50
LONGEST_REASON = 1_000
LONGEST_ZONE = 64
LONGEST_NUMBER = 1_024
"""Bits of a whole number in details: as large as a fraction can be."""


def checked_amount(value: object) -> int:
    """Give back `value` when it is an amount of credits, 1 to `MAX_CREDITS`.

    Raises:
        InvalidAmount: for anything else; True is not 1 and "5" is not 5.
    """
    if type(value) is not int or not 1 <= value <= MAX_CREDITS:
        raise InvalidAmount(value, MAX_CREDITS)
    return value


def checked_allowance(value: object) -> int:
    """Give back `value` when a plan can give it: 0 to `MAX_CREDITS` credits a month.

    Raises:
        InvalidAmount: for anything else.
    """
    return 0 if type(value) is int and value == 0 else checked_amount(value)


def checked_reason(text: object) -> str:
    """Give back the reason of a change, without blanks around it.

    Raises:
        ReasonMissing: there is none.
        InvalidReason: as `checked_sentence`.
    """
    reason = checked_sentence(text).strip()
    if not reason:
        raise ReasonMissing
    return reason


def checked_sentence(text: object) -> str:
    """Give back what a person will read, when a database can keep it.

    Raises:
        InvalidReason: it can't, is longer than `LONGEST_REASON`, or is no text.
    """
    if not isinstance(text, str) or len(text) > LONGEST_REASON:
        raise InvalidReason(f"Give a reason of at most {LONGEST_REASON:,} characters.")
    if not _can_be_kept(text):
        raise InvalidReason("The reason holds characters that can't be stored. Write it again.")
    return text


def checked_plan_name(name: object) -> str:
    """Give back the name of a plan, when a plan can have it.

    Raises:
        UnknownPlan: it is no text, or can't be stored: no plan has it.
    """
    if not isinstance(name, str) or not _can_be_kept(name):
        raise UnknownPlan(name)
    return name


def checked_zone(name: str) -> str:
    """Give back the name of a time zone.

    Raises:
        InvalidTimeZone: this computer knows no such zone, or its name is too long.
    """
    try:
        ZoneInfo(name)
        is_known = len(name) <= LONGEST_ZONE
    except (ValueError, TypeError, OSError, KeyError):  # a zone that is missing is a KeyError
        is_known = False
    if not is_known:
        raise InvalidTimeZone(name)
    return name


def checked_action(name: object) -> str:
    """Give back the name of a spend, when it is none of the engine's own.

    Raises:
        ReservedAction: a charge by that name would pass for a reset, or a grant.
        InvalidAction: longer than `LONGEST_ACTION`, or not text that a database can keep.
    """
    if isinstance(name, str) and name in ENGINE_ACTIONS:
        raise ReservedAction(name)
    if not isinstance(name, str) or len(name) > LONGEST_ACTION or not _can_be_kept(name):
        raise InvalidAction(
            f"Spending can't be called {name!r}: give at most {LONGEST_ACTION} characters, "
            "without NUL and half surrogate pairs."
        )
    return name


def checked_details(details: object) -> dict[str, Any]:
    """Give back a caller's details; an empty dict for none.

    Raises:
        InvalidDetails: they are not JSON, or hold text that a database can't keep.
    """
    if details is None:
        return {}
    try:
        if isinstance(details, dict) and _is_json(details):
            return details
    except RecursionError:  # they hold themselves
        pass
    raise InvalidDetails(
        "Details can only be JSON: text for keys, finite numbers, and neither NUL "
        "nor half surrogate pairs in text."
    )


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(key) for key in value) and all(
            map(_is_json, value.values())
        )
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    if isinstance(value, str):
        return _can_be_kept(value)
    if isinstance(value, int):
        return value.bit_length() <= LONGEST_NUMBER
    # JSON has no word for NaN and the infinities.
    return value is None or (isinstance(value, float) and isfinite(value))


def _can_be_kept(text: str) -> bool:
    """Is there neither NUL, which PostgreSQL refuses, nor half a surrogate pair, as both do?"""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)
