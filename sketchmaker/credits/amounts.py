"""An amount of credits is a whole positive number within a bound, checked before any SQL."""

from sketchmaker.credits.errors import InvalidAmount

MAX_CREDITS = 1_000_000_000


def checked_amount(value: object) -> int:
    """Give back `value` when it is an amount of credits, 1 to `MAX_CREDITS`.

    Raises:
        InvalidAmount: for anything else; True is not 1 and "5" is not 5.
    """
    if type(value) is not int or not 1 <= value <= MAX_CREDITS:
        raise InvalidAmount(value, MAX_CREDITS)
    return value
