"""Bugs of cycles, resets and plans."""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from sketchmaker.credits import grants, resets
from sketchmaker.credits.resets import writing
from sketchmaker.credits.resets.reset_plan import BatchDone, PlannedReset
from sketchmaker.credits.rows import state
from sketchmaker.credits.rows.plan_versions import Plans
from sketchmaker.credits.rows.state import Schedule, State, state_of
from sketchmaker.credits.rules.balance import Balance
from sketchmaker.credits.rules.new_cycle import Boundary
from sketchmaker.credits.tables import SUBSCRIPTIONS
from sketchmaker.scheduling import reset_runner
from tests.simulation import seams
from tests.simulation.bugs import Plot, bug


def _reset_row_by_row(plot: Plot) -> None:
    """Leave the set-based way out: its statements are made once, and would be right."""
    plot.put("reset_plain", lambda *_, **__: BatchDone(0, []))


def _also_in_reset(plot: Plot, values: Callable[[Any, Any], dict[str, Any]]) -> None:
    """Begin cycles with these columns, worked out from the row before and the plan."""
    right = seams.part("begin_cycle")
    _reset_row_by_row(plot)
    plot.put(
        "begin_cycle",
        lambda before, plan, boundary: {**right(before, plan, boundary), **values(before, plan)},
    )


@bug()
def _a_refund_after_the_reset_goes_to_the_new_cycle(plot: Plot) -> None:
    right = seams.part("after_end")

    def wrong(session: Session, hold: Any, before: State, parts: Any, now: datetime) -> Any:
        after, lapsed = right(session, hold, before, parts, now)
        back = sum(part.credits for part in parts[1] if part.grant_id is None)
        if before.cycle != hold.cycle and back:
            used = max(after.balance.used - back, 0)
            after = replace(after, balance=replace(after.balance, used=used))
        return after, lapsed

    plot.put("after_end", wrong)


@bug()
def _a_release_gives_its_credits_on_top_of_the_new_allowance(plot: Plot) -> None:
    right = seams.part("after_end")

    def wrong(session: Session, hold: Any, before: State, parts: Any, now: datetime) -> Any:
        after, lapsed = right(session, hold, before, parts, now)
        if before.cycle != hold.cycle and lapsed:
            more = after.balance.allowance + lapsed
            after, lapsed = replace(after, balance=replace(after.balance, allowance=more)), 0
        return after, lapsed

    plot.put("after_end", wrong)


@bug()
def _a_late_settlement_costs_the_new_cycle(plot: Plot) -> None:
    right = seams.part("after_end")

    def wrong(session: Session, hold: Any, before: State, parts: Any, now: datetime) -> Any:
        after, lapsed = right(session, hold, before, parts, now)
        spent = sum(part.credits for part in parts[0] if part.grant_id is None)
        if before.cycle != hold.cycle:
            balance = replace(after.balance, used=after.balance.used + spent)
            after = replace(after, balance=balance)
        return after, lapsed

    plot.put("after_end", wrong)


@bug()
def _a_month_is_counted_from_the_month_before(plot: Plot) -> None:
    def wrong(self: Schedule, cycle: int) -> datetime:
        local = self.anchor.astimezone(ZoneInfo(self.zone))
        for _ in range(cycle - self.first):
            year, month = local.year + local.month // 12, local.month % 12 + 1
            day = min(local.day, monthrange(year, month)[1])
            local = local.replace(year=year, month=month, day=day)
        return local.astimezone(UTC)

    plot.put("Schedule.start_of", wrong)


@bug()
def _boundaries_are_counted_in_utc(plot: Plot) -> None:
    right = Schedule.start_of
    plot.put("Schedule.start_of", lambda self, n: right(replace(self, zone="UTC"), n))


@bug(profile="outage")
def _many_missed_months_are_one_row(plot: Plot) -> None:
    right = State.boundaries_passed

    def wrong(self: State, now: datetime) -> list[Boundary]:
        return right(self, now)[-1:]

    plot.put("State.boundaries_passed", wrong)


@bug(profile="clock-back")
def _a_clock_set_back_resets_again(plot: Plot) -> None:
    right = reset_runner.ResetRunner.run

    def wrong(self: reset_runner.ResetRunner) -> int:
        now = self._clock.now()
        with self._database.transaction() as session:
            ahead = select(SUBSCRIPTIONS.c.id).where(SUBSCRIPTIONS.c.last_credit_reset > now)
            for which in session.scalars(ahead).all():
                found = state.of_subscription(session, which)
                if found is not None and found.cycle > found.schedule.cycle_at(now):
                    cycle = found.schedule.cycle_at(now)
                    state.write(session, found, _as_in(found, cycle))
        return right(self)

    plot.put("ResetRunner.run", wrong)


def _as_in(found: State, cycle: int) -> State:
    return replace(
        found,
        cycle=cycle,
        last_reset=found.schedule.start_of(cycle),
        next_reset=found.schedule.start_of(cycle + 1),
        balance=Balance(found.balance.allowance),
    )


@bug()
def _a_reset_wipes_grants(plot: Plot) -> None:
    _also_in_reset(
        plot,
        lambda _before, plan: {
            "credits_remaining": plan.monthly_credits,
            "credits_held": 0,
            "bonus_remaining": 0,
            "bonus_held": 0,
        },
    )


@bug()
def _a_reset_leaves_what_was_used(plot: Plot) -> None:
    def wrong(before: Any, plan: Any) -> dict[str, Any]:
        used = before.credits_used_this_month - before.bonus_used
        kept = min(used, plan.monthly_credits)
        return {
            "credits_used_this_month": kept,
            "credits_remaining": plan.monthly_credits - kept + before.bonus_remaining,
        }

    _also_in_reset(plot, wrong)


@bug()
def _a_reset_forgets_what_is_held(plot: Plot) -> None:
    ((table, right),) = seams.part("RECORDS")

    def wrong(before: Any, *of_reset: Any) -> dict[str, Any]:
        row = right(before, *of_reset)
        held = before.credits_held - before.bonus_held
        return {**row, "credits_delta": row["credits_delta"] + held}

    _reset_row_by_row(plot)
    plot.put("RECORDS", ((table, wrong),))


@bug()
def _a_reset_is_claimed_in_another_transaction_than_it_is_made(plot: Plot) -> None:
    def wrong(self: reset_runner.ResetRunner) -> int:
        now = self._clock.now()
        with self._database.reading() as session:
            rows = list(session.execute(resets.due(now)))
            given = Plans.read(session, [row.id for row in rows]).after_reset
        for row in rows:
            planned = PlannedReset(state_of(row), given, now)
            with self._database.transaction() as session:
                current = state.of_subscription(session, row.id)
                if current is None or current.cycle != planned.before.cycle:
                    continue
                planned.before = current
                writing.write_resets(session, [planned], now=now)
        return len(rows)

    plot.put("ResetRunner.run", wrong)


@bug()
def _a_reset_adds_to_what_was_left(plot: Plot) -> None:
    def wrong(before: Any, plan: Any) -> dict[str, Any]:
        left = before.credits_remaining - before.bonus_remaining
        return {
            "credits_remaining": plan.monthly_credits + before.credits_remaining,
            "cycle_allowance": plan.monthly_credits + left,
        }

    _also_in_reset(plot, wrong)


@bug()
def _a_reset_forgets_the_planned_change(plot: Plot) -> None:
    _also_in_reset(plot, lambda before, _plan: {"plan_id": before.plan_id})


@bug(profile="admins")
def _coming_back_brings_an_allowance_for_each_month_away(plot: Plot) -> None:
    def wrong(due: State, plan: Any, now: datetime, *, was_away: bool = False) -> PlannedReset:
        del was_away
        return PlannedReset(due, plan, now)

    plot.put("PlannedReset", wrong)


@bug(profile="admins")
def _a_change_of_plan_mints_credits(plot: Plot) -> None:
    def wrong(self: Balance, allowance: int) -> Balance:
        return Balance(allowance, held=self.held)

    plot.put("Balance.on_allowance", wrong)


@bug(profile="admins")
def _a_forced_reset_moves_the_anchor(plot: Plot) -> None:
    right = state.move

    def wrong(session: Session, before: State, after: State, **entry: Any) -> None:
        if entry["action"] == "force_reset":
            schedule = Schedule(entry["now"], after.schedule.zone, after.cycle)
            after = replace(after, schedule=schedule, next_reset=schedule.start_of(after.cycle + 1))
        right(session, before, after, **entry)

    plot.put("move", wrong)


@bug(profile="admins")
def _a_forced_reset_takes_held_credits_for_free_ones(plot: Plot) -> None:
    plot.put("Balance.refilled", lambda _self, allowance: Balance(allowance))


@bug(profile="admins")
def _a_moved_reset_moves_the_ones_after_it(plot: Plot) -> None:
    right = state.move

    def wrong(session: Session, before: State, after: State, **entry: Any) -> None:
        if entry["action"] == "reset_moved":
            moved = after.next_reset - before.next_reset
            schedule = replace(after.schedule, anchor=after.schedule.anchor + moved)
            after = replace(after, schedule=schedule)
        right(session, before, after, **entry)

    plot.put("move", wrong)


@bug(profile="admins")
def _a_refund_of_the_cycle_before_comes_into_this_one(plot: Plot) -> None:
    right = state.move

    def wrong(session: Session, before: State, after: State, **entry: Any) -> None:
        if entry["action"] == "credits_refunded" and entry["cycle"] != before.cycle:
            used = max(after.balance.used + entry["credits_used"], 0)
            after = replace(after, balance=replace(after.balance, used=used))
        right(session, before, after, **entry)

    plot.put("move", wrong)


@bug(profile="admins")
def _a_deleted_account_keeps_its_grants(plot: Plot) -> None:
    plot.put("void_all", lambda *_, **__: None)


@bug(profile="admins")
def _force_knows_no_limit(plot: Plot) -> None:
    plot.put("check_by_hand", lambda *_, **__: None)


@bug(profile="admins")
def _an_expired_grant_is_spent(plot: Plot) -> None:
    right = grants.sources

    def wrong(session: Session, found: State, *, now: datetime) -> Any:
        del now
        return right(session, found, now=datetime(1970, 1, 1, tzinfo=UTC))

    plot.put("sources", wrong)
    plot.put("expire_of_user", lambda *_, **__: 0)


@bug(profile="admins")
def _grants_burn_last(plot: Plot) -> None:
    right = seams.part("burn_key")
    plot.put("burn_key", lambda source: (source.grant_id is not None, *right(source)))
