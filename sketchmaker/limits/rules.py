"""The limits as they are declared. All numbers are here and nowhere else."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What is limited."""

    SIGN_UP_FORM = "sign-up-form"
    SIGN_UP = "sign-up"
    SIGN_IN = "sign-in"
    PASSWORD_CHANGE = "password-change"  # noqa: S105 - the name of an action
    PASSWORD_LINK = "password-link"  # noqa: S105 - the name of an action
    CONFIRMATION_LINK = "confirmation-link"
    GENERATE = "generate"
    WISH = "wish"


class By(StrEnum):
    """Whose uses are counted together."""

    ACCOUNT = "account"
    ADDRESS = "address"
    NETWORK = "network"
    ALL = "all"
    KNOWN_ADDRESS = "known-address"
    KNOWN_BROWSER = "known-browser"


COUNTED_TOGETHER: Final[dict[By, tuple[str, ...]]] = {
    By.ACCOUNT: ("account",),
    By.ADDRESS: ("address",),
    By.NETWORK: ("network",),
    By.ALL: (),
    By.KNOWN_ADDRESS: ("account", "address"),
    By.KNOWN_BROWSER: ("account", "browser"),
}
"""The columns in which two uses agree when they count together."""

LONGEST_PERIOD: Final = timedelta(days=1)
"""Uses are remembered for this long, so that no limit can look back further."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long each use beyond a limit waits: `first`, then twice as long each time."""

    first: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `uses` of the action within `period`.

    `sentence` tells the person; it may name `{uses}`, `{period}` and `{wait}`. Without a `backoff`
    the next use is possible when the oldest one is `period` ago.
    """

    action: Action
    by: By
    uses: int
    period: timedelta
    sentence: str
    backoff: Backoff | None = None

    @property
    def name(self) -> str:
        """What the limit is called in the setting: "sign-up/address"."""
        return f"{self.action}/{self.by}"


_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_DOUBLING = Backoff(first=_MINUTE, longest=timedelta(minutes=15))

_WRONG_PASSWORDS = "Too many wrong passwords. Wait {wait}, then try again."
_FORMS = "This form was sent too often from your network. Try again in {wait}."
_NEWCOMERS = "Too many accounts were made from your network. Try again in {wait}."
_LINKS = "Links were asked for too often. Look into your mailbox, or try again in {wait}."

DECLARED: Final = (
    # The form answers whether a name is taken, so it can't be asked without end.
    Limit(Action.SIGN_UP_FORM, By.ADDRESS, 60, _HOUR, _FORMS),
    Limit(Action.SIGN_UP_FORM, By.NETWORK, 120, _HOUR, _FORMS),
    # A team that moves in on one morning has one address.
    Limit(Action.SIGN_UP, By.ADDRESS, 20, _HOUR, _NEWCOMERS),
    Limit(Action.SIGN_UP, By.NETWORK, 40, _HOUR, _NEWCOMERS),
    Limit(
        Action.SIGN_UP,
        By.ACCOUNT,
        2,
        _DAY,
        "Too many accounts were made with this mailbox. Try again in {wait}.",
    ),
    Limit(
        Action.SIGN_UP,
        By.ALL,
        100,
        _HOUR,
        "Too many people are signing up right now. Try again in {wait}.",
    ),
    Limit(Action.SIGN_IN, By.ACCOUNT, 5, _DAY, _WRONG_PASSWORDS, _DOUBLING),
    # Where the owner has signed in before, only guesses from there count: others' guesses must not
    # keep an owner out.
    Limit(Action.SIGN_IN, By.KNOWN_ADDRESS, 5, _DAY, _WRONG_PASSWORDS, _DOUBLING),
    Limit(Action.SIGN_IN, By.KNOWN_BROWSER, 5, _DAY, _WRONG_PASSWORDS, _DOUBLING),
    # Generous, because a whole office may share one address.
    Limit(Action.SIGN_IN, By.ADDRESS, 20, _HOUR, _WRONG_PASSWORDS, _DOUBLING),
    Limit(Action.SIGN_IN, By.NETWORK, 100, _HOUR, _WRONG_PASSWORDS, _DOUBLING),
    Limit(
        Action.PASSWORD_CHANGE,
        By.ACCOUNT,
        10,
        _HOUR,
        "You have changed your password very often. Try again in {wait}.",
    ),
    # Counted for the mailbox typed, whether it has an account or not, which so nobody learns.
    Limit(Action.PASSWORD_LINK, By.ACCOUNT, 3, _HOUR, _LINKS),
    Limit(Action.PASSWORD_LINK, By.ADDRESS, 10, _HOUR, _LINKS),
    Limit(Action.PASSWORD_LINK, By.NETWORK, 30, _HOUR, _LINKS),
    Limit(Action.CONFIRMATION_LINK, By.ACCOUNT, 3, _HOUR, _LINKS),
    # Far more than a person needs. One that fails costs no credit, but rows and lines of log.
    Limit(
        Action.GENERATE,
        By.ACCOUNT,
        30,
        _MINUTE,
        "You have begun {uses} generations within {period}. Wait a moment before the next.",
    ),
    Limit(
        Action.WISH,
        By.ACCOUNT,
        3,
        _DAY,
        "You have asked for credits often today. Ask again in {wait}.",
    ),
)
