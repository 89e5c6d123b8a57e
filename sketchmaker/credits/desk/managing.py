"""The desk's verbs for what admins do: grants, voids, refunds, changes of plan."""

from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from sketchmaker.credits.desk.base import DeskBase
from sketchmaker.credits.managing import granting, plan_changes, voids
from sketchmaker.credits.managing.granting import Grant
from sketchmaker.credits.managing.plan_changes import PlanChange, When
from sketchmaker.credits.managing.voids import Void
from sketchmaker.credits.rows.idempotency import Answer, Request
from sketchmaker.credits.rules.errors import EntryNotFound, GrantNotFound, SubscriptionNotFound
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.spending import refunds
from sketchmaker.credits.spending.refunds import Refund
from sketchmaker.credits.tables import GRANTS, LEDGER, SUBSCRIPTIONS
from sketchmaker.record.actor import Actor

Result = TypeVar("Result", Grant, Void, Refund, PlanChange)


class ManagingDesk(DeskBase):
    """Grants, voids, refunds and changes of plan, each in a transaction of its own."""

    @in_utc
    def grant(
        self,
        *,
        user_id: int,
        credits: int,
        kind: str,
        reason: str,
        now: datetime,
        by: Actor,
        expires_at: datetime | None = None,
        key: str | None = None,
    ) -> Grant:
        """Give the user credits that are kept after the reset; see `granting.grant`.

        Raises:
            InvalidAmount, InvalidGrant, ReasonMissing, NoActiveSubscription: nothing was given.
            KeyReused, InvalidKey, DatabaseUnavailable: as `CreditDesk.charge`.
        """
        parameters: dict[str, Any] = {
            "credits": credits,
            "kind": kind,
            "reason": reason,
        }

        def give(session: Session) -> Grant:
            return granting.grant(
                session, user_id=user_id, now=now, by=by, expires_at=expires_at, **parameters
            )

        until = None if expires_at is None else expires_at.astimezone(UTC).isoformat()
        named = {**parameters, "granted_by_id": by.account_id, "expires_at": until}
        return self._named(Grant, give, now, key, lambda key: Request(user_id, "grant", key, named))

    @in_utc
    def void(
        self,
        *,
        grant_id: int,
        reason: str,
        now: datetime,
        by: Actor,
        key: str | None = None,
    ) -> Void:
        """Take back what is left of a grant; see `voids.void`.

        Raises:
            GrantNotFound, ReasonMissing, NothingToChange: nothing was taken back.
            KeyReused, InvalidKey, DatabaseUnavailable: as `CreditDesk.charge`.
        """
        parameters: dict[str, Any] = {"grant_id": grant_id, "reason": reason}

        def request(key: str) -> Request:
            owner = self._owner(GRANTS, grant_id, GrantNotFound)
            return Request(owner, "void", key, {**parameters, "by_id": by.account_id})

        return self._named(
            Void,
            lambda session: voids.void(session, now=now, by=by, **parameters),
            now,
            key,
            request,
        )

    @in_utc
    def refund(
        self,
        *,
        entry_id: int,
        credits: int,
        reason: str,
        now: datetime,
        by: Actor,
        key: str | None = None,
    ) -> Refund:
        """Give back what a charge or a settled hold took; see `refunds.refund`.

        Raises:
            InvalidAmount, ReasonMissing, EntryNotFound, NotRefundable, RefundTooLarge: nothing was
                given back.
            KeyReused, InvalidKey, DatabaseUnavailable: as `CreditDesk.charge`.
        """
        parameters: dict[str, Any] = {
            "entry_id": entry_id,
            "credits": credits,
            "reason": reason,
        }

        def request(key: str) -> Request:
            owner = self._owner(LEDGER, entry_id, EntryNotFound)
            return Request(owner, "refund", key, {**parameters, "by_id": by.account_id})

        return self._named(
            Refund,
            lambda session: refunds.refund(session, now=now, by=by, **parameters),
            now,
            key,
            request,
        )

    @in_utc
    def change_plan(
        self,
        *,
        subscription_id: int,
        plan_name: str,
        when: When,
        reason: str,
        now: datetime,
        by: Actor,
        time_zone: str | None = None,
        key: str | None = None,
    ) -> PlanChange:
        """Change the plan; see `plan_changes.apply`.

        Raises:
            As `plan_changes.apply`.
            KeyReused, InvalidKey, DatabaseUnavailable: as `CreditDesk.charge`.
        """
        parameters = {
            "subscription_id": subscription_id,
            "plan_name": plan_name,
            "when": when,
            "reason": reason,
        }
        if time_zone is not None:
            parameters["time_zone"] = time_zone
        return self._change("change_plan", plan_changes.apply, parameters, now, by, key)

    @in_utc
    def end_plan(
        self,
        *,
        subscription_id: int,
        reason: str,
        now: datetime,
        by: Actor,
        key: str | None = None,
    ) -> PlanChange:
        """End the plan with its cycle; see `plan_changes.end_at_reset`.

        Raises:
            As `plan_changes.end_at_reset`.
            KeyReused, InvalidKey, DatabaseUnavailable: as `CreditDesk.charge`.
        """
        parameters = {"subscription_id": subscription_id, "reason": reason}
        return self._change("end_plan", plan_changes.end_at_reset, parameters, now, by, key)

    def _change(  # noqa: PLR0917 - private, the end of the two verbs above
        self,
        name: str,
        verb: Callable[..., PlanChange],
        parameters: dict[str, Any],
        now: datetime,
        by: Actor,
        key: str | None,
    ) -> PlanChange:
        def request(key: str) -> Request:
            owner = self._owner(SUBSCRIPTIONS, parameters["subscription_id"], SubscriptionNotFound)
            return Request(owner, name, key, {**parameters, "by_id": by.account_id})

        return self._named(
            PlanChange,
            lambda session: verb(session, now=now, by=by, **parameters),
            now,
            key,
            request,
        )

    def _named(
        self,
        kind: type[Result],
        work: Callable[[Session], Result],
        now: datetime,
        key: str | None,
        request: Callable[[str], Request],
    ) -> Result:
        """Do the work; under a key, once."""
        if key is None:
            return self.attempt(work)
        answer = self.once(request(key), now, lambda session: _written(work(session)))
        return _read(kind, answer)


def _written(result: Result) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(result).items() if name != "replayed"}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in facts.items()
    }


def _read(kind: type[Result], answer: Answer) -> Result:
    facts = answer.result()
    for each in fields(kind):
        if each.type in {datetime, datetime | None} and facts[each.name] is not None:
            facts = {**facts, each.name: datetime.fromisoformat(facts[each.name])}
    return kind(**facts, replayed=answer.replayed)
