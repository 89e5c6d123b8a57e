"""What was previewed is what is applied: an act is foreseen, signed into the page, and done so.

To foresee an act is to run its verb in a transaction that is undone. The page that shows the
outcome carries the act, the numbers that it was shown against and a key, all signed. When the form
comes back and the numbers have changed meanwhile, nothing is done, and both are shown.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from sketchmaker.credits.reading.statement import Statement, statement_for
from sketchmaker.credits.rows import idempotency, state
from sketchmaker.credits.rows.idempotency import Request
from sketchmaker.randomness import token
from sketchmaker.record.actor import Actor
from sketchmaker.web.admin.people.act import Act, Doing
from sketchmaker.web.admin.people.acts import ACTS

SALT: Final = "console-proposal"


class ProposalUnreadable(ValueError):
    """The form does not carry a proposal that this console signed."""

    def __init__(self) -> None:
        super().__init__("This form is out of date: open it again and repeat your change.")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What an act changes and a preview shows. Credits are whole, instants ISO 8601 in UTC."""

    plan: str
    next_plan: str | None
    available: int
    allowance: int
    bonus: int
    held: int
    next_reset: str
    is_suspended: bool
    after_reset: int

    @property
    def next_reset_at(self) -> datetime:
        """When the next reset is, as an instant."""
        return datetime.fromisoformat(self.next_reset)


@dataclass(frozen=True, slots=True)
class Proposal:
    """An act on somebody, why, and the numbers before and after it."""

    user_id: int
    act: Act
    reason: str
    before: Numbers
    after: Numbers
    key: str

    @property
    def has_effect_on_numbers(self) -> bool:
        """Whether any of the numbers changes."""
        return self.before != self.after


class Conflict(Exception):
    """The numbers are no longer those that the admin was shown; `fresh` is the proposal anew."""

    def __init__(self, seen: Proposal, fresh: Proposal) -> None:
        super().__init__("The numbers changed while you were looking at them.")
        self.seen, self.fresh = seen, fresh


@dataclass(frozen=True, slots=True)
class Applied:
    """An act was done, to this subscription; to none when the same form had done it before."""

    proposal: Proposal
    subscription_id: int | None


def foresee(
    session: Session, act: Act, *, user_id: int, reason: str, by: Actor, now: datetime
) -> Proposal:
    """The act with its outcome, as of `now`; what it wrote is undone before this returns.

    Raises:
        NoActiveSubscription, and whatever the act's verb raises.
    """
    point = session.begin_nested()
    try:
        own = statement_for(session, user_id, now=now)
        before = _numbers(session, own, now)
        act.run(session, Doing(by, own, reason, now))
        after = _numbers(session, statement_for(session, user_id, now=now), now)
    finally:
        point.rollback()
        session.expire_all()
    return Proposal(user_id, act, reason, before, after, token())


def apply(session: Session, proposal: Proposal, *, by: Actor, now: datetime) -> Applied:
    """Do what was proposed, once, if the numbers are still those that were shown.

    The caller undoes its transaction when this raises.

    Raises:
        Conflict: they are not.
        NoActiveSubscription, and whatever the act's verb raises.
    """
    request = Request(proposal.user_id, proposal.act.name, proposal.key, _act_facts(proposal))
    # Locked before it is read: what is compared must still be so when the verb runs.
    state.of_user(session, proposal.user_id)
    if idempotency.find(session, request, now=now) is not None:
        return Applied(proposal, None)
    own = statement_for(session, proposal.user_id, now=now)
    if _numbers(session, own, now) != proposal.before:
        fresh = foresee(
            session,
            proposal.act,
            user_id=proposal.user_id,
            reason=proposal.reason,
            by=by,
            now=now,
        )
        raise Conflict(proposal, fresh)
    doing = Doing(by, own, proposal.reason, now)
    idempotency.once(
        session, request, now=now, work=lambda: _done(session, proposal.act, doing)
    ).result()
    return Applied(proposal, own.subscription_id)


def signed(proposal: Proposal, secret: str) -> str:
    """The proposal as a text for a form."""
    facts = {
        "user": proposal.user_id,
        "act": _act_facts(proposal),
        "reason": proposal.reason,
        "before": asdict(proposal.before),
        "after": asdict(proposal.after),
        "key": proposal.key,
    }
    return str(URLSafeSerializer(secret, SALT).dumps(facts))


def unsigned(text: str, secret: str) -> Proposal:
    """The proposal that a form carries.

    Raises:
        ProposalUnreadable: it was not signed by this console.
    """
    try:
        facts = URLSafeSerializer(secret, SALT).loads(text)
        act = facts["act"]
        return Proposal(
            user_id=facts["user"],
            act=ACTS[act.pop("name")](**act),
            reason=facts["reason"],
            before=Numbers(**facts["before"]),
            after=Numbers(**facts["after"]),
            key=facts["key"],
        )
    except (BadSignature, KeyError, TypeError):
        raise ProposalUnreadable from None


def _done(session: Session, act: Act, doing: Doing) -> dict[str, Any]:
    act.run(session, doing)
    return {}


def _numbers(session: Session, own: Statement, now: datetime) -> Numbers:
    later = statement_for(session, own.user_id, now=max(own.next_reset, now))
    return Numbers(
        plan=own.plan_display_name,
        next_plan=own.next_plan_display_name,
        available=own.available,
        allowance=own.allowance,
        bonus=own.bonus,
        held=own.held,
        next_reset=own.next_reset.isoformat(),
        is_suspended=own.is_suspended,
        after_reset=later.available,
    )


def _act_facts(proposal: Proposal) -> dict[str, Any]:
    return {"name": proposal.act.name, **asdict(proposal.act)}  # type: ignore[call-overload]
