"""Charging at once, for work that is done when it is paid."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    Connection,
    Select,
    bindparam,
    cast,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.orm import Session

from sketchmaker.credits.rows import idempotency, ledger
from sketchmaker.credits.rows.rendered import Rendered
from sketchmaker.credits.rules.amounts import checked_action, checked_amount, checked_details
from sketchmaker.credits.rules.balance import Part
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.spending.guarded import guarded, guarded_returning, take
from sketchmaker.credits.tables import LEDGER, SUBSCRIPTIONS
from sketchmaker.credits.tables.side import KEYS


@dataclass(frozen=True, slots=True)
class Charge:
    """Credits were spent: how many, in which cycle, and what was available afterwards.

    `replayed` says that it was spent before, under the same key.
    """

    credits: int
    cycle: int
    available: int
    replayed: bool = field(default=False, compare=False)

    def facts(self) -> dict[str, int]:
        """What is remembered of it under its key."""
        return {"credits": self.credits, "cycle": self.cycle, "available": self.available}


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """A charge that is asked for; the amount and the details have been checked."""

    user_id: int
    amount: int
    action: str
    now: datetime
    details: dict[str, Any]

    def __post_init__(self) -> None:
        checked_action(self.action)


@in_utc
def charge(
    session: Session,
    *,
    user_id: int,
    credits: int,
    action: str,
    now: datetime,
    details: dict[str, Any] | None = None,
) -> Charge:
    """Spend credits of the user's present cycle, with the ledger row that says for what.

    Raises:
        InvalidAmount: not a whole number from 1 to the limit.
        ReservedAction, InvalidAction, InvalidDetails: as `amounts` checks them.
        InsufficientCredits: fewer are available; nothing was spent.
        NoActiveSubscription: the user has no plan.
        ResetSuspended: the reset that is due is suspended.
    """
    amount, words = checked_amount(credits), checked_details(details)
    request = ChargeRequest(user_id, amount, action, now, words)
    return at_once(session.connection(), request) or perform(session, request)


def perform(session: Session, request: ChargeRequest) -> Charge:
    """Charge in the caller's transaction, one statement after the other.

    Raises:
        InsufficientCredits, NoActiveSubscription, ResetSuspended: as `charge`.
    """
    taken = take(
        session,
        user_id=request.user_id,
        credits=request.amount,
        purpose="used",
        now=request.now,
    )
    ledger.append(
        session,
        user_id=request.user_id,
        subscription_id=taken.subscription_id,
        hold_id=None,
        action=request.action,
        credits_used=request.amount,
        credits_delta=-request.amount,
        bonus_delta=-taken.bonus,
        balance_after=taken.available,
        cycle=taken.cycle,
        details=ledger.with_callers_words(bonus_facts(taken.parts), request.details),
        created_at=request.now,
    )
    return Charge(credits=request.amount, cycle=taken.cycle, available=taken.available)


def at_once(
    connection: Connection, request: ChargeRequest, named: idempotency.Request | None = None
) -> Charge | None:
    """The common charge, and nothing else; None when the long way (`perform`) must find out why.

    On PostgreSQL UPDATE and INSERT are one statement: on an autocommitting connection that is a
    whole charge in one round trip. With `named` the answer is remembered under its key.

    Raises:
        sqlalchemy.exc.IntegrityError: the key is there already; nothing may be committed.
    """
    if connection.dialect.name == "postgresql":
        return _in_one_statement(connection, request, named)
    return _in_steps(connection, request, named)


def _in_one_statement(
    connection: Connection, request: ChargeRequest, named: idempotency.Request | None
) -> Charge | None:
    parameters = _parameters(request)
    if named is None:
        row = _CHARGE.first(connection, parameters)
    else:
        parameters |= {
            "verb": named.verb,
            "key": named.key,
            "fingerprint": named.fingerprint,
            "kept_until": request.now + idempotency.KEPT_FOR,
        }
        row = _CHARGE_ONCE.first(connection, parameters)
    return None if row is None else Charge(request.amount, row[0], row[1])


def _in_steps(
    connection: Connection, request: ChargeRequest, named: idempotency.Request | None
) -> Charge | None:
    wanted = {"which_user": request.user_id, "amount": request.amount, "at": request.now}
    row = _SPEND.first(connection, wanted)
    if row is None:
        return None
    subscription_id, cycle, available = row
    charged = Charge(request.amount, cycle, available)
    _ENTRY.run(
        connection,
        {
            "user_id": request.user_id,
            "subscription_id": subscription_id,
            "action": request.action,
            "credits_used": request.amount,
            "credits_delta": -request.amount,
            "bonus_delta": 0,
            "balance_after": available,
            "cycle": cycle,
            "metadata": ledger.with_callers_words({}, request.details),
            "created_at": request.now,
        },
    )
    if named is not None:
        answer = idempotency.Answer(charged.facts(), None)
        _KEY.run(connection, idempotency.row_of(named, answer, request.now))
    return charged


def _parameters(request: ChargeRequest) -> dict[str, Any]:
    return {
        "which_user": request.user_id,
        "amount": request.amount,
        "at": request.now,
        "action": request.action,
        "facts": ledger.with_callers_words({}, request.details),
    }


def bonus_facts(parts: tuple[Part, ...]) -> dict[str, Any]:
    """What a ledger row says of the grants a spend took from; nothing when it took from none."""
    taken = [[part.grant_id, part.credits] for part in parts if part.grant_id is not None]
    return {"grants": taken} if taken else {}


def _one_statement(*, once: bool) -> Select[*tuple[Any, ...]]:
    spent = (
        guarded("used")
        .returning(
            SUBSCRIPTIONS.c.id,
            SUBSCRIPTIONS.c.user_id,
            SUBSCRIPTIONS.c.cycle,
            SUBSCRIPTIONS.c.credits_remaining,
        )
        .cte("spent")
    )
    statement = select(spent.c.cycle, spent.c.credits_remaining)
    statement = statement.add_cte(_ledger_entry(spent))
    return statement.add_cte(_key_entry(spent)) if once else statement


def _ledger_entry(spent: CTE) -> CTE:
    amount = cast(bindparam("amount"), LEDGER.c.credits_used.type)
    row = {
        "user_id": spent.c.user_id,
        "subscription_id": spent.c.id,
        "action": bindparam("action", type_=LEDGER.c.action.type),
        "credits_used": amount,
        "credits_delta": -amount,
        "bonus_delta": literal_column("0"),
        "balance_after": spent.c.credits_remaining,
        "cycle": spent.c.cycle,
        "metadata": bindparam("facts", type_=LEDGER.c["metadata"].type),
        "created_at": bindparam("at", type_=LEDGER.c.created_at.type),
    }
    entry = insert(LEDGER).from_select(list(row), select(*row.values()), include_defaults=False)
    return entry.returning(LEDGER.c.id).cte("entry")


def _key_entry(spent: CTE) -> CTE:
    result = func.json_build_object(
        "credits",
        cast(bindparam("amount"), LEDGER.c.credits_used.type),
        "cycle",
        spent.c.cycle,
        "available",
        spent.c.credits_remaining,
    )
    row = {
        "user_id": spent.c.user_id,
        "verb": bindparam("verb", type_=KEYS.c.verb.type),
        "key": bindparam("key", type_=KEYS.c.key.type),
        "fingerprint": bindparam("fingerprint", type_=KEYS.c.fingerprint.type),
        "answer": func.json_build_object("result", result),
        "created_at": bindparam("at", type_=KEYS.c.created_at.type),
        "kept_until": bindparam("kept_until", type_=KEYS.c.kept_until.type),
    }
    entry = insert(KEYS).from_select(list(row), select(*row.values()), include_defaults=False)
    return entry.returning(KEYS.c.key).cte("key_entry")


_NOT_OF_A_CHARGE = {"id", "hold_id", "refund_of_id", "refunded_before"}
_ENTRY_COLUMNS = [column.name for column in LEDGER.c if column.name not in _NOT_OF_A_CHARGE]

_CHARGE = Rendered(_one_statement(once=False))
_CHARGE_ONCE = Rendered(_one_statement(once=True))
_SPEND = Rendered(guarded_returning("used"))
_ENTRY = Rendered(insert(LEDGER).inline(), columns=_ENTRY_COLUMNS)
_KEY = Rendered(insert(KEYS).inline(), columns=KEYS.c.keys())
