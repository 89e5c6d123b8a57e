"""An admin looks at one person, sees why the balance is what it is, and changes it."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from sketchmaker.accounts.tables import User
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits.managing import lifecycle
from sketchmaker.credits.reading.statement import Statement, statement_for
from sketchmaker.credits.spending import charges
from sketchmaker.credits.tables import CreditGrant, UsageHistory
from sketchmaker.record.actor import Actor
from tests.support.people import assert_books_close
from tests.support.web_system import enrolled
from tests.web.accounts.browser import Browser

pytestmark = pytest.mark.slow  # all of them together

REASON = "Sorry for the outage."


@pytest.fixture
def mara(system: System) -> User:
    return enrolled(system, "mara", plan="premium")


def page_of(user: User) -> str:
    return f"/admin/users/{user.id}"


def statement(system: System, user: User) -> Statement:
    with system.database.reading() as session:
        return statement_for(session, user.id, now=system.clock.now())


def spend(system: System, user: User, credits: int) -> None:
    with system.database.transaction() as session:
        charges.charge(
            session, user_id=user.id, credits=credits, action="images", now=system.clock.now()
        )


def proposal_in(page: str) -> str:
    found = re.search(r'name="proposal" value="([^"]+)"', page)
    assert found, page
    return found[1]


def previewed(admin: Browser, user: User, act: str, **form: str) -> str:
    """The page that shows what the act would do."""
    answer = admin.post(f"{page_of(user)}/preview/{act}", data=form)
    assert answer.status_code == 200, answer.text
    return answer.text


def apply(admin: Browser, user: User, page: str) -> str:
    """Press the button on that page; what the person's page says then."""
    answer = admin.post(f"{page_of(user)}/apply", data={"proposal": proposal_in(page)})
    assert answer.status_code == 303, answer.text
    return admin.get(answer.headers["Location"]).text


def do(admin: Browser, user: User, act: str, **form: str) -> str:
    return apply(admin, user, previewed(admin, user, act, **{"reason": REASON, **form}))


def test_the_balance_is_explained_by_steps_that_lead_to_their_rows(
    system: System, admin: Browser, mara: User
) -> None:
    spend(system, mara, 58)
    page = admin.get(page_of(mara)).text
    assert "42 = 100 allowance \N{MINUS SIGN} 58 used" in page
    assert f"{page_of(mara)}?step=used#ledger-heading" in page

    narrowed = admin.get(f"{page_of(mara)}?step=used").text
    assert "subscription_started" in page
    assert "subscription_started" not in narrowed


def test_somebody_who_does_not_exist_is_not_found(admin: Browser) -> None:
    assert admin.get("/admin/users/999").status_code == 404
    assert admin.get("/admin/users/999/credits").status_code == 404


def test_no_user_reaches_the_page(ada: Browser, mara: User) -> None:
    assert ada.get(page_of(mara)).status_code == 403


def test_credits_are_added_as_previewed(system: System, admin: Browser, mara: User) -> None:
    preview = previewed(
        admin, mara, "add-credits", credits="25", kind="admin", expires="never", reason=REASON
    )
    assert "Add 25 credits" in preview
    assert statement(system, mara).available == 100

    page = apply(admin, mara, preview)

    assert "Add 25 credits: done. Available now: 125 credits." in page
    assert REASON in page
    own = statement(system, mara)
    assert (own.available, own.bonus) == (125, 25)
    with system.database.reading() as session:
        grant = session.scalars(select(CreditGrant)).one()
    assert grant.expires_at is None
    assert_books_close(system.database)


def test_an_act_is_in_the_audit_trail_with_who_why_and_from_where(
    admin: Browser, mara: User
) -> None:
    do(admin, mara, "add-credits", credits="25", kind="admin", expires="never")
    trail = admin.get(f"/admin/audit/?about={mara.id}").text
    for words in ("grace", "admin, console", "127.0.0.1", REASON):
        assert words in trail
    assert "No change fits" in admin.get("/admin/audit/?about=999").text


def test_a_preview_that_was_not_applied_leaves_no_audit_entry(admin: Browser, mara: User) -> None:
    previewed(admin, mara, "take-back", credits="10", reason=REASON)
    assert REASON not in admin.get(f"/admin/audit/?about={mara.id}").text


def test_bonus_credits_can_end_with_the_cycle(
    system: System, admin: Browser, mara: User, clock: ManualClock
) -> None:
    do(admin, mara, "add-credits", credits="25", kind="promotion", expires="cycle")
    assert statement(system, mara).available == 125
    clock.set(statement(system, mara).next_reset)
    assert statement(system, mara).available == 100


@pytest.mark.parametrize(("target", "bonus"), [("130", 30), ("40", 0), ("0", 0)])
def test_credits_are_set_to_a_number(
    system: System, admin: Browser, mara: User, target: str, bonus: int
) -> None:
    spend(system, mara, 10)
    do(admin, mara, "set-credits", credits=target)
    own = statement(system, mara)
    assert own.available == int(target)
    assert own.bonus == (40 if target == "130" else bonus)
    assert_books_close(system.database)


def test_credits_are_taken_back_and_the_bonus_stays(
    system: System, admin: Browser, mara: User
) -> None:
    do(admin, mara, "add-credits", credits="5", kind="admin", expires="never")
    do(admin, mara, "take-back", credits="500")
    assert statement(system, mara).available == 5


def test_a_grant_is_undone_for_what_is_left_of_it(
    system: System, admin: Browser, mara: User
) -> None:
    do(admin, mara, "add-credits", credits="25", kind="admin", expires="cycle")
    spend(system, mara, 5)
    with system.database.reading() as session:
        grant = session.scalars(select(CreditGrant.id)).one()
    do(admin, mara, "undo-grant", grant_id=str(grant))
    assert statement(system, mara).available == 100
    assert_books_close(system.database)


def test_the_list_leads_to_changing_the_plan_and_the_credits(admin: Browser, mara: User) -> None:
    page = admin.get("/admin/subscriptions/").text
    assert f'href="{page_of(mara)}/plan">Change plan' in page
    assert f'href="{page_of(mara)}/credits">Modify credits' in page


def test_a_plan_is_changed_at_once_and_keeps_the_cycle(
    system: System, admin: Browser, mara: User
) -> None:
    spend(system, mara, 58)
    day = statement(system, mara).next_reset
    do(admin, mara, "change-plan", choice="pro|now")
    own = statement(system, mara)
    assert (own.plan_name, own.available, own.next_reset) == ("pro", 942, day)


def test_a_smaller_plan_waits_for_the_reset_and_can_be_cancelled(
    system: System, admin: Browser, mara: User
) -> None:
    do(admin, mara, "change-plan", choice="free|next_reset")
    assert statement(system, mara).next_plan_display_name == "Free"
    do(admin, mara, "cancel-change")
    assert statement(system, mara).next_plan_display_name is None


def test_every_way_to_change_the_plan_is_foreseen_side_by_side(
    system: System, admin: Browser, mara: User
) -> None:
    spend(system, mara, 58)
    page = admin.get(f"{page_of(mara)}/plan").text
    assert "<s>42</s> <strong>942</strong>" in page
    assert "<s>42</s> <strong>1,000</strong>" in page
    assert "already" in page  # their own plan, and why it can't be chosen


def test_a_reset_is_forced_moved_paused_and_resumed(
    system: System, admin: Browser, mara: User, clock: ManualClock
) -> None:
    spend(system, mara, 58)
    do(admin, mara, "force-reset")
    assert statement(system, mara).available == 100

    at = (clock.now() + timedelta(days=10)).replace(hour=9, minute=30, second=0, microsecond=0)
    do(admin, mara, "move-reset", at=at.strftime("%Y-%m-%dT%H:%M"))
    assert statement(system, mara).next_reset == at

    do(admin, mara, "suspend-resets")
    clock.set(at)
    assert statement(system, mara).is_suspended
    do(admin, mara, "resume-resets")
    assert not statement(system, mara).is_suspended


def test_the_same_form_sent_twice_acts_once(system: System, admin: Browser, mara: User) -> None:
    preview = previewed(
        admin, mara, "add-credits", credits="25", kind="admin", expires="never", reason=REASON
    )
    apply(admin, mara, preview)
    again = apply(admin, mara, preview)
    assert "Nothing was done twice" in again
    assert statement(system, mara).available == 125


def test_numbers_that_changed_meanwhile_are_shown_and_nothing_is_done(
    system: System, admin: Browser, mara: User
) -> None:
    preview = previewed(admin, mara, "take-back", credits="10", reason=REASON)
    spend(system, mara, 30)

    answer = admin.post(f"{page_of(mara)}/apply", data={"proposal": proposal_in(preview)})

    assert answer.status_code == 409
    assert "changed while you were looking" in answer.text
    for number in ("<s>100</s>", "<strong>90</strong>", "<s>70</s>", "<strong>60</strong>"):
        assert number in answer.text
    assert statement(system, mara).available == 70

    apply(admin, mara, answer.text)
    assert statement(system, mara).available == 60


@pytest.mark.parametrize("proposal", ["", "nonsense", "eyJ1c2VyIjoxfQ.abc"])
def test_a_proposal_that_this_console_did_not_sign_does_nothing(
    system: System, admin: Browser, mara: User, proposal: str
) -> None:
    answer = admin.post(f"{page_of(mara)}/apply", data={"proposal": proposal})
    assert answer.status_code == 303
    assert "out of date" in admin.get(answer.headers["Location"]).text
    assert statement(system, mara).available == 100


def test_a_proposal_for_somebody_else_does_nothing(
    system: System, admin: Browser, mara: User
) -> None:
    other = enrolled(system, "jonas")
    preview = previewed(admin, mara, "take-back", credits="10", reason=REASON)
    answer = admin.post(f"{page_of(other)}/apply", data={"proposal": proposal_in(preview)})
    assert answer.status_code == 404
    assert statement(system, mara).available == 100


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (("add-credits", {"credits": "ten", "kind": "admin"}), "whole number"),
        (("add-credits", {"credits": "0", "kind": "admin"}), "whole number from 1"),
        (("add-credits", {"credits": "9" * 30, "kind": "admin"}), "whole number"),
        (("add-credits", {"credits": "5", "kind": "gift"}), "given as"),
        (
            (
                "add-credits",
                {"credits": "5", "kind": "admin", "expires": "date", "expires_at": "soon"},
            ),
            "Choose a date",
        ),
        (
            (
                "add-credits",
                {"credits": "5", "kind": "admin", "expires": "date", "expires_at": "2020-01-01"},
            ),
            "still to come",
        ),
        (("take-back", {"credits": "-3"}), "whole number"),
        (("set-credits", {"credits": "100"}), "already"),
        (("change-plan", {"choice": "gold|now"}), "gold"),
        (("change-plan", {"choice": "pro|someday"}), "when the plan changes"),
        (("change-plan", {}), "Choose a plan"),
        (("move-reset", {"at": "never"}), "Choose a date"),
        (("move-reset", {"at": "2020-01-01T10:00"}), "reset"),
        (("cancel-change", {}), "No change of plan"),
        (("undo-grant", {"grant_id": "77"}), "grant"),
    ],
)
def test_what_can_not_be_done_is_said_on_the_form_and_nothing_typed_is_lost(
    system: System, admin: Browser, mara: User, sent: tuple[str, dict[str, str]], sentence: str
) -> None:
    act, form = sent
    answer = admin.post(f"{page_of(mara)}/preview/{act}", data={**form, "reason": REASON})
    assert answer.status_code == 422
    assert sentence in answer.text
    if "credits" in form and len(form["credits"]) < 5:
        assert f'value="{form["credits"]}"' in answer.text
    assert statement(system, mara).available == 100
    assert_books_close(system.database)


def test_a_change_without_a_reason_is_refused(system: System, admin: Browser, mara: User) -> None:
    answer = admin.post(f"{page_of(mara)}/preview/take-back", data={"credits": "5", "reason": "  "})
    assert answer.status_code == 422
    assert "reason" in answer.text.lower()


def test_a_preview_writes_nothing(system: System, admin: Browser, mara: User) -> None:
    with system.database.reading() as session:
        rows = len(session.scalars(select(UsageHistory)).all())
    previewed(admin, mara, "force-reset", reason=REASON)
    admin.get(f"{page_of(mara)}/plan")
    with system.database.reading() as session:
        assert len(session.scalars(select(UsageHistory)).all()) == rows


def test_a_note_on_a_change_of_plan_is_optional(system: System, admin: Browser, mara: User) -> None:
    do(admin, mara, "change-plan", choice="pro|now", reason="")
    assert statement(system, mara).plan_name == "pro"


def test_the_person_reads_the_same_arithmetic_on_their_dashboard(
    system: System, person: Callable[..., Browser]
) -> None:
    browser = person("nils", plan="premium")
    with system.database.reading() as session:
        nils = session.scalars(select(User).where(User.username == "nils")).one()
    spend(system, nils, 58)
    page = browser.get("/dashboard").text
    assert "Why 42?" in page
    assert "42 = 100 allowance \N{MINUS SIGN} 58 used" in page


def test_the_ledger_is_paged(system: System, admin: Browser, mara: User) -> None:
    for _ in range(30):
        spend(system, mara, 1)
    first = admin.get(page_of(mara)).text
    older = re.search(r'href="([^"]+before=[^"]+)"', first)
    assert older
    assert "subscription_started" not in first
    assert "subscription_started" in admin.get(older[1].replace("&amp;", "&")).text


def test_somebody_without_a_plan_is_shown_without_a_balance(
    system: System, admin: Browser, mara: User
) -> None:
    own, now = statement(system, mara), system.clock.now()
    with system.database.transaction() as session:
        lifecycle.deactivate(
            session,
            subscription_id=own.subscription_id,
            by=Actor.operator("root"),
            reason=REASON,
            now=now,
        )

    assert "no active subscription" in admin.get(page_of(mara)).text
    answer = admin.get(f"{page_of(mara)}/credits")
    assert answer.headers["Location"].endswith(page_of(mara))
    assert "no active subscription" in admin.get(answer.headers["Location"]).text
