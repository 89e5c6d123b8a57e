"""The pure rules of balances and of the order in which credits burn."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchmaker.credits.rules.balance import (
    Balance,
    Part,
    Source,
    allocate,
    in_burn_order,
    split,
)

AT = datetime(2026, 2, 15, tzinfo=UTC)


@st.composite
def balances(draw: st.DrawFn) -> Balance:
    allowance, held, used, revoked = (draw(st.integers(0, 1000)) for _ in range(4))
    return Balance(allowance, held, used, revoked)


@given(before=balances(), plans=st.lists(st.integers(0, 1000), min_size=1))
def test_going_through_plans_leaves_what_the_last_one_alone_would(
    before: Balance, plans: list[int]
) -> None:
    through = before
    for allowance in plans:
        through = through.on_allowance(allowance)

    assert through == before.on_allowance(plans[-1])
    assert through.available + through.used <= max(plans[-1], through.used)


@given(before=balances(), credits=st.integers(1, 2000))
def test_revoking_takes_what_is_there_and_never_more(before: Balance, credits: int) -> None:
    after = before.less(credits)

    assert after.available == max(before.available - credits, 0)


def test_a_balance_with_a_negative_part_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="negative"):
        Balance(allowance=10, held=-1)


EARLY, LATE = AT, AT.replace(month=3)
SOURCES = [
    Source(None, 10, LATE),
    Source(1, 5, None),
    Source(2, 5, EARLY),
    Source(3, 5, LATE),
    Source(4, 5, EARLY),
]


def test_what_expires_first_burns_first_and_a_tie_favours_grants_then_the_older() -> None:
    assert [source.grant_id for source in in_burn_order(SOURCES)] == [2, 4, 3, None, 1]


def test_a_spend_takes_from_source_after_source() -> None:
    assert allocate(SOURCES, 12) == [Part(2, 5), Part(4, 5), Part(3, 2)]
    assert allocate(SOURCES, 30) is not None
    assert allocate(SOURCES, 31) is None


@given(credits=st.integers(0, 12))
def test_what_settles_and_what_comes_back_add_up(credits: int) -> None:
    parts = [Part(2, 5), Part(None, 4), Part(1, 3)]

    kept, rest = split(parts, credits)

    assert sum(part.credits for part in kept) == credits
    assert sum(part.credits for part in kept + rest) == 12
