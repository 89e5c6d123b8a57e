"""Who changes something, and what is changed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self


class Through(StrEnum):
    """The door through which somebody acts."""

    CONSOLE = "console"
    PAGE = "page"
    API_TOKEN = "api token"  # noqa: S105 - the name of a door
    COMMAND = "command"
    SCHEDULER = "scheduler"
    SYSTEM = "system"


SELF: Final = "self"
"""The role of people who change what is their own."""

OPERATOR: Final = "operator"
"""The role of whoever has a shell on the machine."""

PROGRAM: Final = "program"
"""The role of code that acts on nobody's word."""

_OWE_NO_REASON: Final = frozenset({SELF, PROGRAM})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, as they were then: name, role, through what and from where.

    `account_id` is None for who has no account: an operator at the shell, or a program.
    """

    account_id: int | None
    name: str
    role: str
    through: Through
    address: str | None = None
    request_id: str | None = None

    @classmethod
    def program(cls, name: str, through: Through = Through.SYSTEM) -> Self:
        """A program, or a part of this one, that acts on nobody's word."""
        return cls(None, name, PROGRAM, through)

    @classmethod
    def person(cls, account_id: int, name: str, through: Through = Through.PAGE) -> Self:
        """Somebody who changes what is their own."""
        return cls(account_id, name, SELF, through)

    @classmethod
    def operator(cls, name: str) -> Self:
        """Somebody at the shell, by the name that the machine knows."""
        return cls(None, name, OPERATOR, Through.COMMAND)

    @property
    def owes_a_reason(self) -> bool:
        """Whether this is a person who acts on what belongs to others."""
        return self.role not in _OWE_NO_REASON


@dataclass(frozen=True, slots=True)
class Subject:
    """What is changed: its kind, number and name as it was then, and whose it is.

    `owner_id` is the account that it belongs to. Only a user's name is a person's: everything else
    is called by what it is, so that there is only one name to erase.
    """

    kind: str
    id: int | None
    name: str
    owner_id: int | None = None

    @classmethod
    def user(cls, user_id: int, username: str) -> Self:
        """An account."""
        return cls("user", user_id, username, user_id)
