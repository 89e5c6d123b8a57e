"""What counts as an amount of credits."""

import pytest

from sketchmaker.credits.rules.amounts import MAX_CREDITS, checked_amount
from sketchmaker.credits.rules.errors import InvalidAmount


@pytest.mark.parametrize("amount", [1, 7, MAX_CREDITS])
def test_whole_positive_numbers_are_amounts(amount: int) -> None:
    assert checked_amount(amount) == amount


@pytest.mark.parametrize(
    "value", [0, -1, True, 1.0, 0.5, "5", None, float("nan"), float("inf"), MAX_CREDITS + 1, 2**63]
)
def test_anything_else_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidAmount) as refusal:
        checked_amount(value)

    assert repr(value) in str(refusal.value)
