"""What admins change by hand, beside grants: taking credits back."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.credits import present
from sketchmaker.credits.rows import managed
from sketchmaker.credits.rows.managed import Decision
from sketchmaker.credits.rules.actions import ADJUSTMENT_ACTION
from sketchmaker.credits.rules.amounts import checked_amount, checked_reason
from sketchmaker.credits.rules.errors import NothingToChange
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.record.actor import Actor


@in_utc
def revoke(
    session: Session,
    *,
    user_id: int,
    credits: int,
    reason: str,
    now: datetime,
    by: Actor,
) -> int:
    """Take back credits of this cycle's allowance, or as many as are left; return how many.

    Raises:
        InvalidAmount: not a whole number from 1 to the limit.
        ReasonMissing: no reason.
        NothingToChange: nothing is left of the allowance.
        NoActiveSubscription: the user has no plan.
        ResetSuspended: the reset that is due is suspended.
    """
    amount, why = checked_amount(credits), checked_reason(reason)
    before = present.of_user(session, user_id, now=now)
    after = replace(before, balance=before.balance.less(amount))
    taken = before.available - after.available
    if not taken:
        raise NothingToChange("Nothing is left of this month's allowance.")
    details = {"revoked": taken, "asked": amount, "reason": why}
    managed.move_and_note(
        session, before, after, Decision(by, why, now), action=ADJUSTMENT_ACTION, details=details
    )
    return taken
