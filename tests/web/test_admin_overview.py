"""The console begins with what needs a person, and with what happened today."""

from collections.abc import Callable
from datetime import timedelta

from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits.spending import charges
from sketchmaker.scheduling import heartbeats
from sketchmaker.scheduling.heartbeats import ProcessIdentity
from tests.support.web_system import PASSWORD, enrolled
from tests.web.accounts.browser import Browser


def beat(system: System) -> None:
    now = system.clock.now()
    with system.database.transaction() as session:
        identity = ProcessIdentity(name="web-1", host="studio", pid=77, started_at=now)
        heartbeats.beat(session, identity, now=now)


def test_nothing_to_do_is_said(system: System, admin: Browser) -> None:
    beat(system)
    assert "All clear" in admin.get("/admin/").text


def test_a_scheduler_that_is_down_comes_first(admin: Browser) -> None:
    page = admin.get("/admin/").text
    assert "The scheduler is down, never seen." in page
    assert "All clear" not in page


def test_overdue_resets_are_counted(system: System, admin: Browser, clock: ManualClock) -> None:
    enrolled(system, "mara")
    clock.advance(timedelta(days=40))
    beat(system)
    admin.sign_in("grace", PASSWORD)
    assert "2 resets are overdue." in admin.get("/admin/").text  # the admin's own, too


def test_what_was_used_today_is_counted_and_yesterday_is_not(
    system: System, admin: Browser, clock: ManualClock
) -> None:
    user = enrolled(system, "mara", plan="premium")
    for days, credits in ((0, 5), (1, 7)):
        clock.advance(timedelta(days=days))
        with system.database.transaction() as session:
            charges.charge(
                session, user_id=user.id, credits=credits, action="images", now=clock.now()
            )
    page = admin.get("/admin/").text
    assert '<dd class="number">7</dd>' in page
    assert '<dd class="number">12</dd>' not in page


def test_people_who_ask_for_more_credits_are_counted(
    system: System, admin: Browser, person: Callable[..., Browser]
) -> None:
    beat(system)
    person("mara").post("/dashboard/ask", {"sentence": "A poster for Friday."})
    assert "1 person asks for more credits." in admin.get("/admin/").text


def test_users_do_not_reach_it(ada: Browser) -> None:
    assert ada.get("/admin/").status_code == 403
