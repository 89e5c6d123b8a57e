"""The reason of a change: demanded of whoever changes what belongs to others."""

from sketchmaker.record.actor import Actor
from sketchmaker.record.errors import InvalidReason, ReasonMissing


def checked_reason(text: str, by: Actor) -> str:
    """Give back the reason without blanks around it; it may be empty when the actor owes none.

    Raises:
        ReasonMissing: it is empty, and the actor owes one.
        InvalidReason: it holds characters that a database can't keep.
    """
    reason = text.strip()
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in reason):
        raise InvalidReason("The reason holds characters that can't be stored. Write it again.")
    if not reason and by.owes_a_reason:
        raise ReasonMissing
    return reason
