"""People with plans, made through the engine's own verbs; and the check that the books close."""

from datetime import UTC, datetime
from itertools import count

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sketchmaker.accounts.names import key
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.credits import books
from sketchmaker.credits.managing import subscriptions
from sketchmaker.credits.rows import plans
from sketchmaker.credits.tables import CreditHold, UsageHistory, UserSubscription
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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
    plans.ensure_default_plans(session, now=now, by=SOMEBODY, reason="A test.")
    user = add_user(session, now=now)
    return subscriptions.start(
        session,
        user_id=user.id,
        plan_name=plan,
        now=now,
        time_zone=zone,
        by=SOMEBODY,
        reason="A test.",
    )


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
    """Every invariant of the books holds, as of the newest row of the ledger or hold."""
    with database.reading() as session:
        newest = [
            session.scalar(select(func.max(table.created_at)))
            for table in (UsageHistory, CreditHold)
        ]
    now = max([at for at in newest if at is not None], default=EPOCH)
    with database.reading() as session:
        assert list(map(str, books.verify(session, now=now))) == []
