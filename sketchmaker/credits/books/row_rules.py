"""Rules that one row shows by itself, or together with the rows it refers to."""

from functools import cache

from sqlalchemy import BigInteger, Column, ColumnElement, and_, cast, exists, not_, or_

from sketchmaker.credits.books.sweeps import GRANT, LEDGER_ROW, PLAN, Rule, Sweep
from sketchmaker.credits.managing.granting import KINDS
from sketchmaker.credits.rules import actions
from sketchmaker.credits.rules.amounts import MAX_CREDITS
from sketchmaker.credits.spending import refunds
from sketchmaker.credits.tables import GRANTS, HOLDS, LEDGER, PLANS, SUBSCRIPTIONS, HoldState

IS_PENDING = HOLDS.c.state == HoldState.PENDING.value

STILL = (actions.DEACTIVATION_ACTION, actions.REACTIVATION_ACTION, actions.RESCHEDULE_ACTION)
"""What the ledger tells of although no credit moves."""


@cache
def plan_sweep() -> Sweep:
    """B30 for plans."""
    negative = Rule(
        "B30",
        PLANS.c.monthly_credits < 0,
        "The plan gives less than nothing.",
        "0 or more",
        PLANS.c.monthly_credits,
    )
    too_many = Rule(
        "B30",
        PLANS.c.monthly_credits > MAX_CREDITS,
        "The plan gives more than any amount may be.",
        MAX_CREDITS,
        PLANS.c.monthly_credits,
    )
    return Sweep(PLAN, PLANS.c.id, PLANS, [negative, too_many])


@cache
def ledger_sweep() -> Sweep:
    """B27, B28, B29 for rows of the ledger."""
    source = LEDGER.outerjoin(
        SUBSCRIPTIONS, SUBSCRIPTIONS.c.id == LEDGER.c.subscription_id
    ).outerjoin(HOLDS, HOLDS.c.id == LEDGER.c.hold_id)
    return Sweep(
        LEDGER_ROW,
        LEDGER.c.id,
        source,
        [*_ledger_references(), *_ledger_amounts(), *_ledger_shapes()],
    )


def _ledger_references() -> list[Rule]:
    return [
        Rule(
            "B27",
            SUBSCRIPTIONS.c.id.is_(None),
            "The row belongs to no subscription that there is.",
            "a subscription",
            LEDGER.c.subscription_id,
        ),
        *_of_an_account(LEDGER.c.user_id),
        Rule(
            "B27",
            and_(LEDGER.c.hold_id.is_not(None), HOLDS.c.id.is_(None)),
            "The row ends a hold that there is not.",
            "a hold",
            LEDGER.c.hold_id,
        ),
        Rule(
            "B27",
            SUBSCRIPTIONS.c.user_id != LEDGER.c.user_id,
            "The row names another user than its subscription does.",
            SUBSCRIPTIONS.c.user_id,
            LEDGER.c.user_id,
        ),
    ]


def _ledger_amounts() -> list[Rule]:
    row = LEDGER.c
    return [
        Rule(
            "B28",
            (row.credits_used < 0) != row.refund_of_id.is_not(None),
            "A refund uses less than nothing, and no other row does.",
            0,
            row.credits_used,
        ),
        Rule("B28", row.balance_after < 0, "It left less than nothing.", 0, row.balance_after),
    ]


def _ledger_shapes() -> list[Rule]:
    row, delta, bonus = LEDGER.c, LEDGER.c.credits_delta, LEDGER.c.bonus_delta
    of_engine = row.action.in_(actions.ENGINE_ACTIONS)
    is_charge = and_(row.hold_id.is_(None), not_(of_engine))
    return [
        Rule(
            "B29",
            and_(is_charge, or_(row.credits_used <= 0, delta != -row.credits_used)),
            "A charge takes from the balance what it uses, and uses something.",
            -row.credits_used,
            delta,
        ),
        Rule(
            "B29",
            and_(row.hold_id.is_not(None), or_(delta > 0, delta < -HOLDS.c.credits_held)),
            "The end of a hold adds nothing, and takes what was held at the most.",
            -HOLDS.c.credits_held,
            delta,
        ),
        Rule(
            "B29",
            and_(or_(is_charge, row.hold_id.is_not(None)), or_(bonus > 0, bonus < delta)),
            "The bonus part of a spend is a part of it.",
            delta,
            bonus,
        ),
        Rule(
            "B29",
            and_(of_engine, row.hold_id.is_(None), row.credits_used > 0),
            "Only charges and holds use credits.",
            0,
            row.credits_used,
        ),
        *_engine_shapes(),
    ]


def _engine_shapes() -> list[Rule]:
    action, delta, bonus = LEDGER.c.action, LEDGER.c.credits_delta, LEDGER.c.bonus_delta
    bonus_only = (actions.GRANT_ACTION, actions.GRANT_EXPIRY_ACTION, actions.GRANT_VOID_ACTION)
    either_way = (*bonus_only, actions.REFUND_ACTION, actions.CORRECTION_ACTION)
    allowance_only = [name for name in actions.ENGINE_ACTIONS if name not in either_way]
    return [
        Rule(
            "B29",
            and_(action.in_(bonus_only), delta != bonus),
            "Grants change by bonus credits alone.",
            bonus,
            delta,
        ),
        Rule(
            "B29",
            and_(action.in_(allowance_only), bonus != 0),
            "A change of the allowance leaves grants alone.",
            0,
            bonus,
        ),
        Rule(
            "B29",
            or_(
                and_(action == actions.GRANT_ACTION, delta <= 0),
                and_(action == actions.GRANT_EXPIRY_ACTION, delta >= 0),
                and_(action == actions.GRANT_VOID_ACTION, delta > 0),
                and_(action == actions.ADJUSTMENT_ACTION, delta > 0),
                and_(action == actions.START_ACTION, delta < 0),
                and_(action.in_(STILL), delta != 0),
            ),
            "The change has the wrong sign for what was done.",
            "the other sign, or none",
            delta,
        ),
    ]


@cache
def grant_sweep() -> Sweep:
    """B17, B27 for grants."""
    grant = GRANTS.c
    parts = (
        grant.credits_remaining,
        grant.credits_held,
        grant.credits_used,
        grant.credits_expired,
        grant.credits_voided,
    )
    total = cast(parts[0], BigInteger) + parts[1] + parts[2] + parts[3] + parts[4]
    negative: ColumnElement[bool] = or_(*(part < 0 for part in parts))
    kinds = (*KINDS, refunds.KIND)
    rules = [
        Rule(
            "B17",
            or_(grant.credits_granted <= 0, total != grant.credits_granted),
            "Left, held, used, expired and voided do not add up to what was granted.",
            grant.credits_granted,
            total,
        ),
        Rule("B17", negative, "A part of the grant is less than nothing.", "0 or more", "less"),
        Rule(
            "B17", grant.kind.not_in(kinds), "There is no such kind.", "|".join(kinds), grant.kind
        ),
        Rule(
            "B27",
            ~exists().where(SUBSCRIPTIONS.c.user_id == grant.user_id),
            "The grant belongs to somebody who never had a plan.",
            "a subscription",
            grant.user_id,
        ),
        *_of_an_account(grant.user_id),
    ]
    return Sweep(GRANT, grant.id, GRANTS, rules)


def _of_an_account(number: Column[int]) -> list[Rule]:
    """B27 for the number of an account; nothing where the engine stands alone."""
    known = [exists().where(key.column == number) for key in number.foreign_keys]
    return [Rule("B27", ~each, "There is no such user.", "a user", number) for each in known]
