"""Times, counts and days in words, in the reader's zone. Pure: no clock, no request."""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sketchmaker.credits.reading.statement import Statement

FIRST_DAY_MISSING_FROM_A_MONTH: Final = 29
MINUS: Final = "\N{MINUS SIGN}"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def zone_or_utc(name: str) -> ZoneInfo:
    """The zone of that IANA name; UTC when this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def day(moment: datetime | date, zone: str = "UTC") -> str:
    """`15 December 2026`."""
    local = moment.astimezone(zone_or_utc(zone)) if isinstance(moment, datetime) else moment
    return f"{local.day} {local:%B %Y}"


def day_and_time(moment: datetime, zone: str = "UTC") -> str:
    """`15 December 2026, 14:03`, without the zone's name."""
    local = moment.astimezone(zone_or_utc(zone))
    return f"{day(local.date())}, {local:%H:%M}"


def clock_time(moment: datetime, zone: str) -> str:
    """`14:03` there."""
    return f"{moment.astimezone(zone_or_utc(zone)):%H:%M}"


def short_moment(moment: datetime, now: datetime, zone: str = "UTC") -> str:
    """`24 Nov, 17:26`; with the year when it is not the present one."""
    local, today = (one.astimezone(zone_or_utc(zone)) for one in (moment, now))
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%b}{year}, {local:%H:%M}"


def zone_name(zone: str) -> str:
    """A zone's name as people read it: `Europe/Berlin`, `America/New York`."""
    return str(zone_or_utc(zone)).replace("_", " ")


def in_utc(moment: datetime) -> str:
    """`2026-12-15 13:03:00 UTC`, for whoever compares with a log."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `15th`."""
    last_two = number % 100
    suffix = "th" if 10 <= last_two <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """`1 credit`, `1,200 credits`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def signed(number: int) -> str:
    """`+10`, `0`, and a negative number with a true minus sign."""
    return f"+{number:,}" if number > 0 else f"{number:,}".replace("-", MINUS)


def days_away(days: int) -> str:
    """`today`, `tomorrow`, `in 12 days`."""
    return {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")


def how_far(now: datetime, moment: datetime) -> str:
    """`in 3 hours`, `in 2 days`, `5 minutes ago`, `just now`."""
    distance = moment - now
    size = abs(distance)
    if size < MINUTE:
        return "just now" if distance <= timedelta() else "in less than a minute"
    units = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))
    unit, name = next((unit, name) for unit, name in units if size >= unit)
    words = counted(round(size / unit), name)
    return f"in {words}" if distance > timedelta() else f"{words} ago"


def reset_rule(anchor: datetime, zone: str) -> str:
    """When credits come back: `on the 15th of every month`, with what a short month does."""
    number = anchor.astimezone(zone_or_utc(zone)).day
    rule = f"on the {ordinal(number)} of every month"
    if number < FIRST_DAY_MISSING_FROM_A_MONTH:
        return rule
    return f"{rule}, or on the last day of a shorter month"


def why_that_day(own: Statement, reader_zone: str) -> str:
    """Why credits come back on the day shown to a reader in that zone, as a sentence to them."""
    rule = reset_rule(own.anchor, own.time_zone)
    if _shows_another_day(own, reader_zone):
        rule += f" as counted in {zone_name(own.time_zone)}"
    if own.is_moved:
        moved_to = day(own.next_reset, reader_zone)
        return f"Moved to {moved_to} by an admin. After that, your credits come back {rule} again."
    number = ordinal(own.anchor.astimezone(zone_or_utc(own.time_zone)).day)
    began = "Your cycle was restarted" if own.was_restarted else "You joined"
    return f"{began} on the {number}, so your credits come back {rule}."


def _shows_another_day(own: Statement, reader_zone: str) -> bool:
    """Whether the reader's calendar has another day for the reset than the one it is counted in."""
    return day(own.regular_reset, reader_zone) != day(own.regular_reset, own.time_zone)
