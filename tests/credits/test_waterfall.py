"""The steps of a balance add up to the one number that people are shown."""

from datetime import UTC, datetime

import pytest

from sketchmaker.credits.reading.waterfall import StepKind, Waterfall, waterfall
from sketchmaker.database import Database
from tests.support.member import SECOND, Member

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 2, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def member(database: Database) -> Member:
    return Member(database, now=JOINED)


def steps(member: Member, now: datetime) -> dict[str, int]:
    """The steps by name; on the way it is checked that they follow each other and add up."""
    found: Waterfall = waterfall(member.statement(now))
    befores = [step.before for step in found.steps]
    assert befores == [0, *(step.after for step in found.steps[:-1])]
    assert found.steps[-1].after == found.available == member.statement(now).available
    assert all(step.after - step.before == step.credits for step in found.steps)
    return {step.kind.value: step.credits for step in found.steps}


def test_a_new_member_has_the_allowance_and_nothing_else(member: Member) -> None:
    assert steps(member, JOINED) == {"allowance": 10}


def test_every_way_credits_go_is_a_step_of_its_own(member: Member) -> None:
    member.revoke(1, JOINED)
    member.charge(3, JOINED)
    member.hold(2, JOINED)
    member.grant(30, JOINED)
    assert steps(member, LATER) == {
        "allowance": 10,
        "taken-back": -1,
        "used": -3,
        "held": -2,
        "bonus": 30,
    }


def test_what_grants_paid_for_is_no_step_because_it_left_the_bonus(member: Member) -> None:
    member.grant(5, JOINED, expires_at=datetime(2026, 2, 1, tzinfo=UTC))
    member.charge(7, JOINED)
    assert steps(member, LATER) == {"allowance": 10, "used": -2}


def test_a_bonus_that_expired_is_gone_though_nobody_swept(member: Member) -> None:
    member.grant(5, JOINED, expires_at=LATER)
    assert steps(member, LATER - SECOND) == {"allowance": 10, "bonus": 5}
    assert steps(member, LATER) == {"allowance": 10}


def test_a_smaller_plan_leaves_nothing_owed(database: Database) -> None:
    member = Member(database, now=JOINED, plan="premium")
    member.charge(58, JOINED)
    member.change_plan("free", "now", JOINED)
    assert steps(member, LATER) == {"allowance": 10, "used": -58, "overused": 48}


def test_a_reset_begins_the_steps_afresh_though_nobody_applied_it(member: Member) -> None:
    member.charge(3, JOINED)
    member.revoke(1, JOINED)
    member.grant(4, JOINED)
    assert steps(member, RESET) == {"allowance": 10, "bonus": 4}


def test_a_picture_of_the_steps_is_as_wide_as_the_largest_sum(member: Member) -> None:
    member.charge(3, JOINED)
    member.grant(30, JOINED)
    assert waterfall(member.statement(LATER)).highest == 37


def test_steps_that_do_not_add_up_show_the_difference(member: Member) -> None:
    own = member.statement(LATER)
    broken = type(own)(**{**{name: getattr(own, name) for name in own.__slots__}, "available": 12})
    last = waterfall(broken).steps[-1]
    assert (last.kind, last.credits) == (StepKind.UNEXPLAINED, 2)
