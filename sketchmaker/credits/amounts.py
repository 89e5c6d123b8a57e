"""What a spend is made of, checked before any SQL: a whole positive amount, and a name for it."""

from sketchmaker.credits.actions import ENGINE_ACTIONS
from sketchmaker.credits.errors import InvalidAmount, ReasonMissing, ReservedAction

MAX_CREDITS = 1_000_000_000


def checked_amount(value: object) -> int:
    """Give back `value` when it is an amount of credits, 1 to `MAX_CREDITS`.

    Raises:
        InvalidAmount: for anything else; True is not 1 and "5" is not 5.
    """
    if type(value) is not int or not 1 <= value <= MAX_CREDITS:
        raise InvalidAmount(value, MAX_CREDITS)
    return value


def checked_reason(text: str) -> str:
    """Give back the reason of a change, without blanks around it.

    Raises:
        ReasonMissing: there is none.
    """
    if not text.strip():
        raise ReasonMissing
    return text.strip()


def checked_action(name: str) -> str:
    """Give back the name of a spend, when it is none of the engine's own.

    Raises:
        ReservedAction: a charge by that name would pass for a reset, or a grant.
    """
    if name in ENGINE_ACTIONS:
        raise ReservedAction(name)
    return name
