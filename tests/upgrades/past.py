"""A database that has been in use for five weeks, made by the product's own verbs.

It is what `python -m tests.upgrades` freezes: give new tables a few rows here.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sketchmaker import bootstrap
from sketchmaker.accounts import reset_links
from sketchmaker.accounts.roles import Role
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits import resets
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import (
    adjustments,
    forced_resets,
    granting,
    lifecycle,
    plan_changes,
    plan_edits,
    plan_overrides,
    rescheduling,
)
from sketchmaker.credits.managing.plan_edits import Edit
from sketchmaker.credits.managing.plan_overrides import Own
from sketchmaker.credits.rows import state
from sketchmaker.limits.uses import DECLARED_LIMITS
from sketchmaker.randomness import token
from sketchmaker.record import outbox, sealing, trail
from sketchmaker.record.actor import Actor, Subject, Through
from sketchmaker.scheduling import heartbeats
from sketchmaker.scheduling.heartbeats import ProcessIdentity
from sketchmaker.studio import runs
from sketchmaker.studio.generations import submit
from sketchmaker.studio.requests import validated
from sketchmaker.wishes import wishing
from tests.support.actors import word_for
from tests.support.web_system import PASSWORD, composed, enrolled
from tests.web.accounts.browser import Browser

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NOW = JOINED + 35 * DAY
"""When the data were frozen: everything was in order then."""

PERSON, ADMIN = "ada", "grace"


def live_through(database_url: str, folder: Path) -> None:
    """Fill a migrated, empty database."""
    clock = ManualClock(JOINED)
    system = composed(database_url, folder, clock)
    ids = {
        name: enrolled(system, name, plan=plan, time_zone=zone).id
        for name, plan, zone in (
            (PERSON, "premium", "Europe/Berlin"),
            ("bob", "pro", "UTC"),
            ("cleo", "free", "America/New_York"),
            ("dora", "free", "UTC"),
            ("emil", "premium", "UTC"),
        )
    }
    ids[ADMIN] = enrolled(system, ADMIN, role=Role.SUPERADMIN, plan="pro").id
    _first_month(system, clock, ids)
    clock.set(JOINED + 32 * DAY)
    _do(system, resets.reset_due)
    _second_month(system, clock, ids)
    clock.set(NOW)
    _unfinished_things(system, clock, ids)
    system.database.close()


def _first_month(system: System, clock: ManualClock, ids: dict[str, int]) -> None:
    clock.set(JOINED + DAY)
    desk, person = CreditDesk(system.database), ids[PERSON]
    bonus = {"user_id": person, "kind": "promotion", "reason": "Welcome."}
    _do(system, granting.grant, credits=6, expires_at=JOINED + 9 * DAY, **bonus)
    _do(system, granting.grant, credits=20, expires_at=JOINED + 200 * DAY, **bonus)
    charge = _at(clock.now())
    desk.charge(user_id=person, credits=8, key="first", **charge)
    desk.charge(user_id=ids["bob"], credits=40, **charge)
    _draw(system, person, "A calm sea at dusk", count=2)
    _draw(system, person, "sandbox:fail A ship in a bottle")
    _draw(system, person, "sandbox:partial A harbour", count=2)
    # Settled after the reset: it belongs to the cycle before.
    late = desk.hold(user_id=ids["bob"], credits=7, lifetime=6 * DAY, **_at(JOINED + 29 * DAY))
    _do(system, lifecycle.deactivate, subscription_id=_subscription(system, ids["dora"]))
    clock.set(JOINED + 32 * DAY)
    _do(system, resets.reset_due)
    desk.settle(hold_id=late.id, credits=5, now=clock.now())


def _second_month(system: System, clock: ManualClock, ids: dict[str, int]) -> None:
    clock.set(JOINED + 33 * DAY)
    desk, person = CreditDesk(system.database), ids[PERSON]
    by = {"by": _grace(ids)}
    subscription = {name: _subscription(system, ids[name]) for name in (PERSON, "bob", "emil")}
    desk.charge(user_id=person, credits=9, **_at(clock.now()))
    sorry = {"reason": "Sorry.", **by}
    _do(system, forced_resets.force_reset, subscription_id=subscription[PERSON], **sorry)
    soon = {"kind": "admin", "reason": "Sorry.", "expires_at": JOINED + 40 * DAY}
    _do(system, granting.grant, user_id=person, credits=5, **by, **soon)
    desk.charge(user_id=person, credits=3, **_at(clock.now()))
    _do(system, adjustments.revoke, user_id=person, credits=4, reason="Too many.", **by)
    change = {"subscription_id": subscription["bob"], "plan_name": "premium"}
    _do(system, plan_changes.apply, when="restart", **change)
    change = {"subscription_id": subscription["emil"], "plan_name": "free"}
    _do(system, plan_changes.apply, when="next_reset", **change)
    _edit_plans(system, subscription[PERSON], clock.now())
    _draw(system, person, "Northern lights over a frozen lake")


def _edit_plans(system: System, subscription_id: int, now: datetime) -> None:
    why: dict[str, Any] = {"by": Actor.operator("root"), "reason": "New prices."}
    for edit in (
        Edit("premium", "new_subscribers", monthly_credits=90),
        Edit("pro", "date", monthly_credits=1200, starts_at=now + 60 * DAY),
        Edit("free", "now", monthly_credits=12),
    ):
        _do(system, plan_edits.apply, edit=edit, **why)
    own = {"own": Own(150, until=now + 90 * DAY), "when": "next_reset"}
    _do(system, plan_overrides.apply, subscription_id=subscription_id, **own, **why)


def _unfinished_things(system: System, clock: ManualClock, ids: dict[str, int]) -> None:
    desk, now = CreditDesk(system.database), clock.now()
    desk.hold(user_id=ids[PERSON], credits=4, lifetime=6 * DAY, key="a hold", **_at(now))
    _submit(system, ids[PERSON], "A forest after rain")
    started = _submit(system, ids["cleo"], "A desert of red dunes")
    with system.database.transaction() as session:
        runs.claim(session, generation_id=started, worker="w", now=now, lease=HOUR)
    _do(system, rescheduling.suspend, subscription_id=_subscription(system, ids["emil"]))
    browser = Browser(bootstrap.create_app(system))
    browser.sign_in(PERSON, "wrong-" + PASSWORD)
    assert browser.sign_in(PERSON, PASSWORD).status_code == 302
    _do(system, reset_links.issue, user_id=ids["bob"], token=token())
    identity = ProcessIdentity(name="studio-1", host="studio", pid=4021, started_at=now)
    _do(system, heartbeats.beat, identity=identity)
    with system.database.transaction() as session:
        outbox.set_routes(session, "post", ["credits.reset"])
    told = outbox.Event("credits.reset", f"user {ids[PERSON]}", {"credits": 100})
    _do(system, outbox.add, event=told)
    _do(system, wishing.wish, user_id=ids["dora"], sentence="For a poster.", limits=DECLARED_LIMITS)
    _write_the_trail(system, ids)


def _grace(ids: dict[str, int]) -> Actor:
    return Actor(ids[ADMIN], ADMIN, "superadmin", Through.CONSOLE, "192.0.2.7", "req-1")


def _write_the_trail(system: System, ids: dict[str, int]) -> None:
    """Two sealed entries, the first of them erased, and one that nobody has sealed yet."""
    grace = _grace(ids)
    for name in ("dora", "bob"):
        _note(system, grace, Subject.user(ids[name], name))
    sealing.seal_all(system.database)
    with system.database.transaction() as session:
        trail.erase_person(session, user_id=ids["dora"])
    _note(system, Actor.program("setup"), Subject.user(ids["emil"], "emil"))


def _note(system: System, by: Actor, subject: Subject) -> None:
    facts: dict[str, Any] = {"before": {"role": "user"}, "after": {"role": "admin"}}
    now, why = system.clock.now(), "To help."
    with system.database.transaction() as session:
        trail.record(session, by, "role_changed", subject, **facts, reason=why, now=now)


def _do(system: System, verb: Callable[..., Any], **arguments: Any) -> Any:
    with system.database.transaction() as session:
        return verb(session, **{**word_for(verb), **arguments}, now=system.clock.now())


def _at(now: datetime) -> dict[str, Any]:
    return {"action": "images", "now": now}


def _subscription(system: System, user_id: int) -> int:
    with system.database.reading() as session:
        found = state.of_user(session, user_id, lock=False)
    assert found
    return found.id


def _submit(system: System, user_id: int, prompt: str, count: int = 1) -> int:
    request = validated(prompt=prompt, size="square", count=count, request_key=token(), seed=7)
    order = {"user_id": user_id, "request": request, "public_id": token(), "seed": 7}
    number: int = _do(system, submit, **order).id
    return number


def _draw(system: System, user_id: int, prompt: str, count: int = 1) -> None:
    system.studio_worker.run(_submit(system, user_id, prompt, count))
