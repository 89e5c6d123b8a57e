"""What can go wrong with credits, with the facts a person needs. HTTP is not known here."""

from datetime import datetime, timedelta

from sketchmaker.database import LostRace


class CreditError(Exception):
    """Base of everything that the credit engine refuses.

    `replayed` says that it is remembered: the same request was refused before, for this reason.
    """

    replayed: bool = False


class InvalidAmount(CreditError):
    """Credits are whole numbers from 1 to the limit."""

    def __init__(self, given: object, limit: int) -> None:
        self.given = given
        self.limit = limit
        super().__init__(
            f"{given!r} is not an amount of credits: give a whole number from 1 to {limit:,}."
        )


class InsufficientCredits(CreditError):
    """The balance does not cover the amount; nothing was taken."""

    def __init__(
        self, *, required: int, available: int, next_reset: datetime, plan_display_name: str
    ) -> None:
        self.required = required
        self.available = available
        self.next_reset = next_reset
        self.plan_display_name = plan_display_name
        super().__init__(
            f"This needs {_credits(required)} and {available} of the {plan_display_name} plan "
            f"{'is' if available == 1 else 'are'} left. Contact admin to upgrade your plan."
        )


class ReservedAction(CreditError):
    """The engine tells of its own doings by that name; a spend has to have another."""

    def __init__(self, action: str) -> None:
        self.action = action
        super().__init__(f"Spending can't be called {action!r}: the ledger uses it. Rename it.")


class InvalidAction(CreditError):
    """The name of a spend is too long, or can't be stored."""


class InvalidReason(CreditError):
    """The reason holds characters that can't be stored."""


class InvalidDetails(CreditError):
    """The details are not JSON, or hold text that can't be stored."""


class NoActiveSubscription(CreditError):
    """The user has no plan at the moment."""

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        super().__init__("This account has no active plan. Ask an admin to assign one.")


class AlreadySubscribed(CreditError):
    """A user has one active subscription at a time."""

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        super().__init__("This account has an active plan already.")


class SubscriptionEnded(AlreadySubscribed):
    """The user had a subscription, which has ended: a new one would give its credits again."""

    def __init__(self, user_id: int) -> None:
        super().__init__(user_id)
        self.args = ("This account's plan was ended. Take it up again instead.",)


class SubscriptionNotFound(CreditError):
    """No active subscription has that number."""

    def __init__(self, subscription_id: int) -> None:
        self.subscription_id = subscription_id
        super().__init__(f"There is no active subscription {subscription_id}.")


class UnknownPlan(CreditError):
    """No active plan has that name."""

    def __init__(self, name: object) -> None:
        self.name = name
        super().__init__(f"There is no active plan named {name!r}.")


class NoDefaultPlan(CreditError):
    """No plan is the default one: the installation has not been set up."""

    def __init__(self) -> None:
        super().__init__("No plan is the default one. An admin has to choose one for new accounts.")


class PlanIsDefault(CreditError):
    """New accounts get the default plan, so it stays on offer until another is the default."""

    def __init__(self, display_name: str) -> None:
        self.display_name = display_name
        super().__init__(
            f"New accounts get the {display_name} plan. Make another plan the default first."
        )


class HoldNotFound(CreditError):
    """No hold has that number."""

    def __init__(self, hold_id: int) -> None:
        self.hold_id = hold_id
        super().__init__(f"There is no hold {hold_id}.")


class HoldNotPending(CreditError):
    """A hold ends once: it was settled, released or has expired before."""

    def __init__(self, hold_id: int, state: str) -> None:
        self.hold_id = hold_id
        self.state = state
        ended = "it has expired" if state == "expired" else f"it was {state}"
        super().__init__(f"Hold {hold_id} has ended already: {ended}.")


class InvalidLifetime(CreditError):
    """A hold lives for more than nothing and at most seven days."""

    def __init__(self, given: object, longest: timedelta) -> None:
        self.given = given
        self.longest = longest
        super().__init__(
            f"A hold can't live for {given}: give a time of more than nothing "
            f"and at most {longest.days} days."
        )


class InvalidInstant(CreditError):
    """A time is an aware datetime of the years 2 to 9998."""

    def __init__(self, given: object) -> None:
        self.given = given
        super().__init__(
            f"{given!r} can't be used: give a time with its zone, of the years 2 to 9998."
        )


class InvalidChoice(CreditError):
    """When a plan changes is one of three words."""

    def __init__(self, given: object, choices: tuple[str, ...]) -> None:
        self.given = given
        self.choices = choices
        super().__init__(f"{given!r} is not a choice: give one of {', '.join(choices)}.")


class ChangedMeanwhile(CreditError, LostRace):
    """Another transaction changed a row that this one had read. Undone; try the whole again."""

    def __init__(self, subscription_id: int) -> None:
        self.subscription_id = subscription_id
        super().__init__(f"Subscription {subscription_id} was changed meanwhile. Try again.")


class ResetConflict(CreditError, LostRace):
    """Another process changed a claimed subscription. The transaction is undone; try again."""

    def __init__(self, expected: int, changed: int) -> None:
        self.expected = expected
        self.changed = changed
        super().__init__(
            f"{expected} subscriptions were claimed for a reset, but {changed} changed."
        )


class ResetSuspended(CreditError):
    """The subscription's reset is due, and suspended. Until it is resumed, nothing can be spent."""

    def __init__(self, subscription_id: int, cause: str) -> None:
        self.subscription_id = subscription_id
        self.cause = cause
        super().__init__(
            f"The credits of subscription {subscription_id} are not reset: that is suspended "
            f"({cause}). An admin can see why."
        )


class KeyReused(CreditError):
    """The idempotency key came before, with another verb or other parameters. Nothing was done."""

    def __init__(self, key: str, verb: str) -> None:
        self.key = key
        self.verb = verb
        super().__init__(
            f"The idempotency key {key!r} was used before, for another request ({verb}). "
            "Use a new key for each request."
        )


class InvalidKey(CreditError):
    """An idempotency key is 1 to 255 characters, without control characters."""

    def __init__(self, key: object) -> None:
        self.key = key
        super().__init__(
            f"{key!r} is not an idempotency key: give 1 to 255 characters, no control characters."
        )


class InvalidGrant(CreditError):
    """The grant's kind, reason or expiry can't be used."""


class GrantNotFound(CreditError):
    """No grant has that number."""

    def __init__(self, grant_id: int) -> None:
        self.grant_id = grant_id
        super().__init__(f"There is no grant {grant_id}.")


class EntryNotFound(CreditError):
    """No row of the ledger has that number."""

    def __init__(self, entry_id: int) -> None:
        self.entry_id = entry_id
        super().__init__(f"There is no entry {entry_id} in the ledger.")


class NotRefundable(CreditError):
    """Charges and settled holds can be refunded; other rows of the ledger used no credits."""

    def __init__(self, entry_id: int) -> None:
        self.entry_id = entry_id
        super().__init__(f"Entry {entry_id} used no credits, so there is nothing to refund.")


class RefundTooLarge(CreditError):
    """All refunds of a spend together are at most what it took."""

    def __init__(self, entry_id: int, *, asked: int, left: int) -> None:
        self.entry_id = entry_id
        self.asked = asked
        self.left = left
        super().__init__(
            f"Of entry {entry_id}, {_credits(left)} can still be refunded, and not {asked}."
        )


class ReasonMissing(CreditError):
    """Who takes credits or gives them back says why: the person will read it."""

    def __init__(self) -> None:
        super().__init__("Give a reason: the person will read it.")


class NothingToChange(CreditError):
    """The subscription is as it was asked to become."""


class InvalidResetDate(CreditError):
    """A reset can be moved between its neighbours, not past them."""

    def __init__(
        self, subscription_id: int, given: datetime, after: datetime, before: datetime
    ) -> None:
        self.subscription_id = subscription_id
        self.given = given
        super().__init__(
            f"The reset of subscription {subscription_id} can't be moved to {given.isoformat()}: "
            f"give a time after {after.isoformat()} and before {before.isoformat()}."
        )


class AllowanceLimit(CreditError):
    """By force or by a restart, an allowance is given twice in 24 hours at the most."""

    def __init__(self, subscription_id: int, limit: int) -> None:
        self.subscription_id = subscription_id
        super().__init__(
            f"Subscription {subscription_id} was reset by force or restarted {limit} times in the "
            "last 24 hours. Grant credits instead."
        )


def _credits(amount: int) -> str:
    return "1 credit" if amount == 1 else f"{amount} credits"
