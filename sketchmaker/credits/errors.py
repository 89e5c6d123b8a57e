"""What can go wrong with credits, with the facts a person needs. HTTP is not known here."""

from datetime import datetime


class CreditError(Exception):
    """Base of everything that the credit engine refuses."""


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


class SubscriptionNotFound(CreditError):
    """No active subscription has that number."""

    def __init__(self, subscription_id: int) -> None:
        self.subscription_id = subscription_id
        super().__init__(f"There is no active subscription {subscription_id}.")


class UnknownPlan(CreditError):
    """No active plan has that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is no active plan named {name!r}.")


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
        super().__init__(f"Hold {hold_id} has ended already: it was {state}.")


class ResetConflict(CreditError):
    """Another process changed a claimed subscription. The transaction is undone; try again."""

    def __init__(self, expected: int, changed: int) -> None:
        self.expected = expected
        self.changed = changed
        super().__init__(
            f"{expected} subscriptions were claimed for a reset, but {changed} changed."
        )


def _credits(amount: int) -> str:
    return "1 credit" if amount == 1 else f"{amount} credits"
