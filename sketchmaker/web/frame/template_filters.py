"""What templates may write: counts, and times in the reader's zone."""

from datetime import UTC, datetime

from flask import Flask
from markupsafe import Markup

from sketchmaker.studio import offers
from sketchmaker.web.frame import wording
from sketchmaker.web.frame.request_scope import request_time
from sketchmaker.web.frame.viewer import viewer_zone


def install(app: Flask) -> None:
    """Make the filters known to every template."""
    app.jinja_env.filters |= {
        "number": number,
        "moment": moment,
        "clock": wording.clock_time,
        "short_moment": short_moment,
        "day": day,
        "plain_day": wording.day,
        "signed": wording.signed,
        "counted": wording.counted,
        "card_lines": offers.card_lines,
        "days_away": wording.days_away,
        "zone_name": wording.zone_name,
    }


def number(value: int) -> str:
    """`1,200`."""
    return f"{value:,}"


def moment(value: datetime, *, zone: str | None = None, with_zone: bool = True) -> Markup:
    """A date and time in the reader's zone, with UTC on hover."""
    zone = zone or viewer_zone()
    words = wording.day_and_time(value, zone)
    return _time_element(value, f"{words} {wording.zone_name(zone)}" if with_zone else words)


def short_moment(value: datetime) -> Markup:
    """`24 Nov, 17:26` in the reader's zone, with UTC on hover."""
    words = wording.short_moment(value, request_time(), viewer_zone())
    return _time_element(value, words)


def day(value: datetime, *, zone: str | None = None) -> Markup:
    """A date in the reader's zone, with the exact time in UTC on hover."""
    return _time_element(value, wording.day(value, zone or viewer_zone()))


def _time_element(value: datetime, words: str) -> Markup:
    machine = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        machine, wording.in_utc(value), words
    )
