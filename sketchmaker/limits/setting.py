"""Changing limits by a setting: `sign-up/address=20/hour, sign-up/all=off`."""

import difflib
import re
from dataclasses import replace
from datetime import timedelta
from typing import Final

from sketchmaker.limits.rules import DECLARED, Limit
from sketchmaker.limits.uses import Limits
from sketchmaker.settings import SettingsError

SETTING: Final = "SKETCHMAKER_LIMITS"
MOST_USES: Final = 1_000_000

_PERIODS: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_ENTRY: Final = re.compile(r"([a-z-]+/[a-z-]+)\s*=\s*(?:(off)|(\d{1,9})\s*/\s*(minute|hour|day))")
_BY_NAME: Final = {limit.name: limit for limit in DECLARED}


def limits_from(written: str) -> Limits:
    """The declared limits with the changes that the setting asks for.

    Raises:
        SettingsError: a sentence that says which part can't be used and what it may be.
    """
    changed = dict(_read(entry) for entry in map(str.strip, written.split(",")) if entry)
    table = (changed.get(limit.name, limit) for limit in DECLARED)
    return Limits(tuple(limit for limit in table if limit is not None))


def in_force(limits: Limits) -> str:
    """The limits as the setting would be written."""
    units = {period: unit for unit, period in _PERIODS.items()}
    return ", ".join(f"{one.name}={one.uses}/{units[one.period]}" for one in limits.table)


def _read(entry: str) -> tuple[str, Limit | None]:
    """A limit's name and the limit; None when it is switched off."""
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise SettingsError(
            f"{SETTING} has {entry!r}, which can't be understood: write a limit as "
            "sign-up/address=20/hour (or /minute, /day) or sign-up/address=off, and a comma "
            "between two."
        )
    name, off, uses, period = match.groups()
    if name not in _BY_NAME:
        alike = difflib.get_close_matches(name, _BY_NAME, n=1, cutoff=0)[0]
        raise SettingsError(f"{SETTING} names {name}, which is no limit. Did you mean {alike}?")
    if off:
        return name, None
    if not 1 <= int(uses) <= MOST_USES:
        raise SettingsError(
            f"{SETTING} has {entry!r}: the number must be from 1 to {MOST_USES:,}; "
            f"{name}=off switches the limit off."
        )
    return name, replace(_BY_NAME[name], uses=int(uses), period=_PERIODS[period])
