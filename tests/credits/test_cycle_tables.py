"""The rule of dates against a table written by hand, and the preview of the next resets."""

import csv
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchmaker.credits.rules.cycle import (
    cycle_start,
    days_until,
    next_reset_after,
    upcoming_resets,
)
from sketchmaker.database import Database
from tests.support.member import Member

TABLE = Path(__file__).with_name("boundaries.csv")
FIRST = datetime(1990, 1, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)

with TABLE.open(encoding="utf-8", newline="") as file:
    CASES = list(csv.DictReader(file))

ZONES = sorted({case["zone"] for case in CASES})


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['zone']} {case['why']}")
def test_boundaries_are_where_the_table_has_them(case: dict[str, str]) -> None:
    anchor = datetime.fromisoformat(case["anchor"])
    boundary = datetime.fromisoformat(case["boundary"])

    found = cycle_start(anchor, int(case["n"]), case["zone"])

    assert found == boundary, case["why"]
    assert found.tzinfo is UTC
    if case["n"] != "0":
        assert next_reset_after(anchor, boundary - INSTANT, case["zone"]) == boundary
        assert next_reset_after(anchor, boundary, case["zone"]) > boundary


def test_the_table_covers_ten_zones() -> None:
    assert len(ZONES) == 10


@given(
    anchor=st.integers(0, 60 * 365 * 86_400).map(
        lambda seconds: FIRST + timedelta(seconds=seconds)
    ),
    later=st.integers(-400, 4000).map(lambda days: timedelta(days=days)),
    zone=st.sampled_from(ZONES),
)
def test_a_preview_is_the_next_resets_one_after_the_other(
    anchor: datetime, later: timedelta, zone: str
) -> None:
    after = anchor + later

    preview = upcoming_resets(anchor, zone, after)

    assert len(preview) == 24
    for reset in preview:
        assert reset == next_reset_after(anchor, after, zone)
        after = reset


def test_a_preview_may_be_as_long_as_asked_and_empty() -> None:
    anchor = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

    preview = upcoming_resets(anchor, "UTC", anchor, count=3)

    assert [(reset.month, reset.day) for reset in preview] == [(2, 28), (3, 31), (4, 30)]
    assert upcoming_resets(anchor, "UTC", anchor, count=0) == []


def test_the_row_the_statement_and_the_preview_tell_the_same_next_resets(
    database: Database,
) -> None:
    joined = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)  # February 1 in Berlin
    member = Member(database, now=joined, zone="Europe/Berlin")
    preview = upcoming_resets(joined, "Europe/Berlin", joined)

    for reset, following in pairwise(preview):
        assert member.row.get_next_reset_date() == reset
        assert member.row.get_next_reset_date(after=reset) == following
        just_before = member.statement(reset - INSTANT)
        assert just_before.next_reset == reset
        assert just_before.days_until_reset(reset - INSTANT, "Europe/Berlin") == days_until(
            reset - INSTANT, reset, "Europe/Berlin"
        )
        assert member.statement(reset).next_reset == following
        member.reset(reset)


def test_after_a_restart_the_next_resets_are_counted_from_the_new_anchor(
    database: Database,
) -> None:
    member = Member(database, now=datetime(2026, 1, 31, 12, 0, tzinfo=UTC))
    restarted = datetime(2026, 2, 10, 8, 0, tzinfo=UTC)

    member.change_plan("premium", "restart", restarted)

    preview = upcoming_resets(restarted, "UTC", restarted, count=2)
    assert member.row.get_next_reset_date() == preview[0]
    assert member.row.get_next_reset_date(after=preview[0]) == preview[1]
    assert member.statement(restarted).next_reset == preview[0]
