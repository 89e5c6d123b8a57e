from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sketchmaker.credits.reading.statement import Statement
from sketchmaker.credits.rules.cycle import cycle_start
from sketchmaker.credits.rules.features import Features
from sketchmaker.web.frame import wording

NOW = datetime(2026, 12, 8, 13, 3, tzinfo=UTC)


def test_a_date_is_written_out_in_the_readers_zone() -> None:
    assert wording.day_and_time(NOW, "Europe/Berlin") == "8 December 2026, 14:03"
    assert wording.day(datetime(2026, 12, 31, 23, tzinfo=UTC), "Asia/Seoul") == "1 January 2027"
    assert wording.in_utc(NOW) == "2026-12-08 13:03:00 UTC"


def test_a_zone_that_the_machine_does_not_know_is_no_reason_to_show_nothing() -> None:
    assert wording.day_and_time(NOW, "Mars/Olympus") == "8 December 2026, 13:03"
    assert wording.zone_name("America/New_York") == "America/New York"


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"),
     (21, "21st"), (22, "22nd"), (23, "23rd"), (30, "30th"), (31, "31st"), (111, "111th")],
)  # fmt: skip
def test_days_are_counted_as_people_do(number: int, words: str) -> None:
    assert wording.ordinal(number) == words


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=20), "in less than a minute"),
        (timedelta(seconds=-20), "just now"),
        (timedelta(minutes=1), "in 1 minute"),
        (timedelta(minutes=-59), "59 minutes ago"),
        (timedelta(hours=3, minutes=59), "in 4 hours"),
        (timedelta(days=-2, hours=-5), "2 days ago"),
        (timedelta(days=31), "in 31 days"),
        (timedelta(days=29, hours=23, minutes=59), "in 30 days"),
    ],
)
def test_how_far_away_is_said_in_the_largest_unit(distance: timedelta, words: str) -> None:
    assert wording.how_far(NOW, NOW + distance) == words


def test_counts_and_changes_read_like_words() -> None:
    assert wording.counted(1, "credit") == "1 credit"
    assert wording.counted(1200, "credit") == "1,200 credits"
    assert wording.counted(2, "process", "processes") == "2 processes"
    assert wording.signed(10) == "+10"
    assert wording.signed(0) == "0"
    assert wording.signed(-1000) == "\N{MINUS SIGN}1,000"
    assert wording.days_away(0) == "today"
    assert wording.days_away(1) == "tomorrow"
    assert wording.days_away(12) == "in 12 days"


@pytest.mark.parametrize(
    ("joined", "zone", "rule"),
    [
        (15, "UTC", "on the 15th of every month"),
        (28, "UTC", "on the 28th of every month"),
        (29, "UTC", "on the 29th of every month, or on the last day of a shorter month"),
        (31, "UTC", "on the 31st of every month, or on the last day of a shorter month"),
        (31, "Pacific/Auckland", "on the 1st of every month"),
    ],
)
def test_the_day_of_the_reset_is_the_day_of_joining_where_one_lives(
    joined: int, zone: str, rule: str
) -> None:
    anchor = datetime(2026, 1, joined, 20, tzinfo=UTC)
    assert wording.reset_rule(anchor, zone) == rule
    sentence = wording.why_that_day(statement(anchor, zone), zone)
    assert sentence.endswith(f"your credits come back {rule}.")


def test_a_moved_reset_says_so_and_names_the_regular_day() -> None:
    own = statement(datetime(2026, 1, 15, 12, tzinfo=UTC))
    moved = replace(own, next_reset=datetime(2026, 2, 4, 12, tzinfo=UTC))
    assert wording.why_that_day(moved, "UTC") == (
        "Moved to 4 February 2026 by an admin. "
        "After that, your credits come back on the 15th of every month again."
    )


def test_a_restarted_cycle_is_not_taken_for_the_day_of_joining() -> None:
    own = replace(statement(datetime(2026, 1, 22, 12, tzinfo=UTC)), was_restarted=True)
    assert wording.why_that_day(own, "UTC").startswith("Your cycle was restarted on the 22nd, so")


def test_a_day_that_another_zone_shows_as_the_next_one_names_the_zone_it_is_counted_in() -> None:
    own = statement(datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert wording.why_that_day(own, "Pacific/Kiritimati") == (
        "You joined on the 1st, so your credits come back on the 1st of every month "
        "as counted in UTC."
    )


def statement(anchor: datetime, zone: str = "UTC") -> Statement:
    next_reset = cycle_start(anchor, 1, zone)
    return Statement(
        subscription_id=1,
        user_id=1,
        plan_name="free",
        plan_display_name="Free",
        plan_description="",
        features=Features(),
        next_plan_display_name=None,
        allowance=10,
        available=10,
        bonus=0,
        used=0,
        held=0,
        revoked=0,
        bonus_used=0,
        bonus_held=0,
        cycle=0,
        anchor=anchor,
        time_zone=zone,
        last_reset=anchor,
        next_reset=next_reset,
        regular_reset=next_reset,
        was_restarted=False,
    )
