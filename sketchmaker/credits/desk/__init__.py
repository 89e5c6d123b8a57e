"""The engine with its own transactions: for programs that embed it, and for edges that retry.

    desk = CreditDesk(Database("sqlite:////tmp/credits.db"))
    desk.charge(user_id=7, credits=1, action="images", now=now, key="order-4711")

Each call is one transaction, committed when it returns, and a refusal is remembered under its key
like any other answer, though not for as long. A repeated answer says so: `replayed`.

A call that ends in `DatabaseUnavailable` may or may not have happened; sent again with the same
key, it happens once and gets its first answer.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.credits.desk.managing import ManagingDesk
from sketchmaker.credits.rows import idempotency
from sketchmaker.credits.rows.idempotency import Answer, Request
from sketchmaker.credits.rules.amounts import checked_amount, checked_details
from sketchmaker.credits.rules.errors import HoldNotFound
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.spending import charges, holds
from sketchmaker.credits.spending.charges import Charge
from sketchmaker.credits.spending.holds import DEFAULT_LIFETIME, Hold, HoldEnd
from sketchmaker.credits.tables import HOLDS
from sketchmaker.database import TransactionConflict


class CreditDesk(ManagingDesk):
    """Charges, holds and their ends, and what admins do, each in a transaction of its own."""

    @in_utc
    def charge(
        self,
        *,
        user_id: int,
        credits: int,
        action: str,
        now: datetime,
        details: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> Charge:
        """Spend credits at once; see `charges.charge`.

        Raises:
            InvalidAmount, InsufficientCredits, NoActiveSubscription, ResetSuspended: nothing was
                spent.
            ReservedAction, InvalidAction, InvalidDetails: as `amounts` checks them.
            KeyReused, InvalidKey: as `idempotency.once`.
            DatabaseUnavailable: unknown; send it again with its key.
        """
        amount = checked_amount(credits)
        wanted = charges.ChargeRequest(user_id, amount, action, now, checked_details(details))
        if key is not None:
            parameters = {"credits": amount, "action": action, "details": wanted.details}
            return self._charge_once(wanted, Request(user_id, "charge", key, parameters))
        charged = None
        with suppress(TransactionConflict), self._database.statement() as connection:
            charged = charges.at_once(connection, wanted)
        return charged or self.attempt(lambda session: charges.perform(session, wanted))

    @in_utc
    def hold(
        self,
        *,
        user_id: int,
        credits: int,
        action: str,
        now: datetime,
        lifetime: timedelta = DEFAULT_LIFETIME,
        details: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> Hold:
        """Set credits aside; see `holds.place`.

        Raises:
            As `charge`.
        """

        def place(session: Session) -> Hold:
            return holds.place(
                session,
                user_id=user_id,
                credits=credits,
                action=action,
                now=now,
                lifetime=lifetime,
                details=details,
            )

        if key is None:
            return self.attempt(place)
        parameters = {
            "credits": credits,
            "action": action,
            "lifetime": holds.checked_lifetime(lifetime).total_seconds(),
            "details": checked_details(details),
        }
        request = Request(user_id, "hold", key, parameters)
        return _hold_of(self.once(request, now, lambda session: _hold_facts(place(session))))

    @in_utc
    def settle(
        self,
        *,
        hold_id: int,
        credits: int,
        now: datetime,
        details: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> HoldEnd:
        """Charge what was delivered; see `holds.settle`.

        Raises:
            InvalidAmount, HoldNotPending, HoldNotFound: nothing was charged.
            KeyReused, InvalidKey, DatabaseUnavailable: as `charge`.
        """

        def end(session: Session) -> HoldEnd:
            return holds.settle(session, hold_id=hold_id, credits=credits, now=now, details=details)

        parameters = {"credits": credits, "details": checked_details(details)}
        return self._end("settle", hold_id, parameters, now, key, end)

    @in_utc
    def release(
        self,
        *,
        hold_id: int,
        reason: str,
        now: datetime,
        details: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> HoldEnd:
        """Give all held credits back; see `holds.release`.

        Raises:
            HoldNotPending, HoldNotFound: nothing was given back.
            KeyReused, InvalidKey, DatabaseUnavailable: as `charge`.
        """

        def end(session: Session) -> HoldEnd:
            return holds.release(session, hold_id=hold_id, reason=reason, now=now, details=details)

        parameters = {"reason": reason, "details": checked_details(details)}
        return self._end("release", hold_id, parameters, now, key, end)

    @in_utc
    def extend(self, *, hold_id: int, until: datetime, now: datetime) -> None:
        """Let a pending hold live longer; see `holds.extend`.

        Raises:
            HoldNotPending, HoldNotFound.
        """
        self.attempt(lambda session: holds.extend(session, hold_id=hold_id, until=until, now=now))

    def _end(  # noqa: PLR0917 - private, and called from two places above
        self,
        verb: str,
        hold_id: int,
        parameters: dict[str, Any],
        now: datetime,
        key: str | None,
        end: Callable[[Session], HoldEnd],
    ) -> HoldEnd:
        if key is None:
            return self.attempt(end)
        user_id = self._owner(HOLDS, hold_id, HoldNotFound)
        request = Request(user_id, verb, key, {"hold": hold_id, **parameters})
        answer = self.once(request, now, lambda session: _end_facts(end(session)))
        return HoldEnd(**answer.result(), replayed=answer.replayed)

    def _charge_once(self, wanted: charges.ChargeRequest, named: Request) -> Charge:
        idempotency.check_key(named.key)
        charged = None
        # An IntegrityError says that the key is there: its answer is read the long way.
        with (
            suppress(IntegrityError, TransactionConflict),
            self._database.statement() as connection,
        ):
            charged = charges.at_once(connection, wanted, named)
        if charged is not None:
            return charged
        answer = self.once(
            named, wanted.now, lambda session: charges.perform(session, wanted).facts()
        )
        return Charge(**answer.result(), replayed=answer.replayed)


def _hold_facts(hold: Hold) -> dict[str, Any]:
    return {
        "id": hold.id,
        "credits": hold.credits,
        "cycle": hold.cycle,
        "expires_at": hold.expires_at.isoformat(),
        "available": hold.available,
    }


def _hold_of(answer: Answer) -> Hold:
    facts = answer.result()
    expires_at = datetime.fromisoformat(facts["expires_at"])
    return Hold(**{**facts, "expires_at": expires_at}, replayed=answer.replayed)


def _end_facts(end: HoldEnd) -> dict[str, Any]:
    return {"settled": end.settled, "returned": end.returned, "available": end.available}
