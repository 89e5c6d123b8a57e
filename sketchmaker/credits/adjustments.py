"""What admins change by hand, beside grants: taking credits back."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from sketchmaker.credits import present, state
from sketchmaker.credits.actions import ADJUSTMENT_ACTION
from sketchmaker.credits.amounts import checked_amount
from sketchmaker.credits.errors import InvalidGrant


def revoke(
    session: Session,
    *,
    user_id: int,
    credits: int,
    reason: str,
    now: datetime,
    by_id: int | None = None,
) -> int:
    """Take credits of this cycle's allowance back, or as many as are available. How many it was.

    Raises:
        InvalidAmount: not a whole number from 1 to the limit.
        InvalidGrant: no reason.
        NoActiveSubscription: the user has no plan.
        SetAside: the reset that is due failed before, or was parked.
    """
    amount = checked_amount(credits)
    if not reason.strip():
        raise InvalidGrant("Taking credits back needs a reason: the person will read it.")
    before = present.of_user(session, user_id, now=now)
    after = replace(before, balance=before.balance.less(amount))
    taken = before.available - after.available
    details = {"revoked": taken, "asked": amount, "reason": reason.strip(), "by": by_id}
    state.move(session, before, after, action=ADJUSTMENT_ACTION, now=now, details=details)
    return taken
