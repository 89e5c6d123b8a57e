"""The pure rule of what a reset does."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sketchmaker.credits.balance import Balance, Boundary, resets

AT = datetime(2026, 2, 15, tzinfo=UTC)


@st.composite
def balances(draw: st.DrawFn) -> Balance:
    available, held, used = (draw(st.integers(0, 1000)) for _ in range(3))
    return Balance(available + held + used, available, held, used)


@given(before=balances(), allowance=st.integers(0, 1000), months=st.integers(1, 40))
def test_many_months_missed_make_as_many_rows_and_one_allowance(
    before: Balance, allowance: int, months: int
) -> None:
    steps = resets(before, allowance, [Boundary(n + 1, AT) for n in range(months)])

    assert [step.boundary.cycle for step in steps] == list(range(1, months + 1))
    assert [step.was_missed for step in steps] == [True] * (months - 1) + [False]
    # The ledger held what was available and what is held; after the steps it holds the allowance.
    assert before.available + before.held + sum(step.delta for step in steps) == allowance


def test_a_balance_that_does_not_close_can_not_be_made() -> None:
    with pytest.raises(ValueError, match="does not close"):
        Balance(allowance=10, available=9, held=0, used=0)
    with pytest.raises(ValueError, match="negative"):
        Balance(allowance=10, available=11, held=-1, used=0)
