"""People with plans, made through the engine's own verbs; and the check that the books close."""

from datetime import datetime
from itertools import count

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sketchmaker.accounts.names import key
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.credits import plans, subscriptions
from sketchmaker.credits.state import state_of
from sketchmaker.credits.tables import CreditHold, UsageHistory, UserSubscription
from sketchmaker.database import Database

_numbers = count(1)


def add_user(session: Session, *, now: datetime, name: str | None = None) -> User:
    """A user without a plan, and without the slow hashing of a password."""
    name = name or f"person-{next(_numbers)}"
    user = User(
        username=name,
        username_key=key(name),
        email=f"{name}@example.org",
        email_key=key(f"{name}@example.org"),
        password_hash="!",
        role=Role.USER,
        time_zone="UTC",
        created_at=now,
        password_changed_at=now,
    )
    session.add(user)
    session.flush()
    return user


def add_subscriber(
    session: Session, *, now: datetime, plan: str = "free", zone: str = "UTC"
) -> UserSubscription:
    """A user who joined the plan at `now`."""
    plans.ensure_default_plans(session, now=now)
    user = add_user(session, now=now)
    return subscriptions.start(session, user_id=user.id, plan_name=plan, now=now, time_zone=zone)


def subscriber(
    database: Database, *, now: datetime, plan: str = "free", zone: str = "UTC"
) -> UserSubscription:
    """As `add_subscriber`, committed."""
    with database.transaction() as session:
        return add_subscriber(session, now=now, plan=plan, zone=zone)


def reread(database: Database, subscription: UserSubscription) -> UserSubscription:
    """The subscription as it is now."""
    with database.reading() as session:
        return session.get_one(UserSubscription, subscription.id)


def ledger_of(database: Database, subscription: UserSubscription) -> list[UsageHistory]:
    """The subscription's ledger, oldest row first."""
    with database.reading() as session:
        return list(
            session.scalars(
                select(UsageHistory)
                .where(UsageHistory.subscription_id == subscription.id)
                .order_by(UsageHistory.id)
            )
        )


def assert_books_close(database: Database) -> None:
    """Every balance is the sum of its ledger less what is held, and its cycle adds up."""
    with database.reading() as session:
        for subscription in session.scalars(select(UserSubscription)):
            _assert_one_closes(session, subscription)


def _assert_one_closes(session: Session, subscription: UserSubscription) -> None:
    of_it = UsageHistory.subscription_id == subscription.id
    deltas, bonus_deltas = session.execute(
        select(
            func.coalesce(func.sum(UsageHistory.credits_delta), 0),
            func.coalesce(func.sum(UsageHistory.bonus_delta), 0),
        ).where(of_it)
    ).one()
    assert subscription.credits_remaining + subscription.credits_held == deltas
    assert subscription.bonus_remaining + subscription.bonus_held == bonus_deltas
    state = state_of(subscription)
    assert subscription.credits_remaining == state.available
    pending = session.scalars(
        select(CreditHold).where(
            CreditHold.subscription_id == subscription.id, CreditHold.state == "pending"
        )
    ).all()
    bonus_held = sum(credits for hold in pending for grant, credits in hold.parts or () if grant is not None)
    this_cycle = [hold for hold in pending if hold.cycle == subscription.cycle]
    bonus_this_cycle = sum(
        credits for hold in this_cycle for grant, credits in hold.parts or () if grant
    )
    assert subscription.bonus_held == bonus_held
    assert state.balance.held == sum(h.credits_held for h in this_cycle) - bonus_this_cycle
