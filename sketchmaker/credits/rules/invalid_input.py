"""What a verb can't be called with, beside what `errors` tells."""

from sketchmaker.credits.rules.errors import CreditError, InvalidAmount


class TooManyGranted(InvalidAmount):
    """The grants of one person would come to more than they may within a cycle."""

    def __init__(self, given: int, limit: int, room: int) -> None:
        super().__init__(given, room)
        self.room = room
        sentence = (
            f"The grants of one person may come to {limit:,} credits within a month: "
            f"at most {room:,} more can be given now, not {given:,}."
        )
        self.args = (sentence,)


class InvalidTimeZone(CreditError):
    """There is no time zone of that name."""

    def __init__(self, given: object) -> None:
        self.given = given
        super().__init__(f"There is no time zone {given!r}: give a name such as Europe/Berlin.")


class InvalidId(CreditError):
    """No row can have that number."""

    def __init__(self, given: object, of: str, highest: int) -> None:
        self.given = given
        super().__init__(
            f"{given!r} is not the number of {of}: give a whole number from 1 to {highest:,}."
        )
