import re
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select, update

from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import SignInSession, User
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.accounts.people import NEW_PASSWORD, PASSWORD
from tests.web.accounts.browser import Browser


def _change_password(visitor: Browser, current: str, new: str = NEW_PASSWORD) -> tuple[int, str]:
    answer = visitor.post("/settings/password", {"current": current, "new": new})
    return answer.status_code, answer.text


def _session_ids(database: Database) -> list[int]:
    with database.reading() as session:
        return list(session.scalars(select(SignInSession.id).order_by(SignInSession.id)))


def test_a_person_sees_who_they_are_and_which_device_this_is(visitor: Browser) -> None:
    visitor.register("ada")
    page = visitor.get("/settings").text
    for fact in ("ada@example.org", "User", "15 January 2026", "Firefox on Linux", "This device"):
        assert fact in page


def test_a_person_chooses_a_time_zone_as_people_write_it(
    visitor: Browser, database: Database
) -> None:
    visitor.register("ada")
    answer = visitor.post("/settings/time-zone", {"time_zone": "america/new york"})
    assert answer.status_code == 302
    with database.reading() as session:
        assert session.scalars(select(User.time_zone)).one() == "America/New_York"
    assert 'value="America/New York"' in visitor.get("/settings").text


def test_a_place_with_several_time_zones_gives_a_choice(
    visitor: Browser, database: Database
) -> None:
    visitor.register("ada")
    answer = visitor.post("/settings/time-zone", {"time_zone": "Australia"})
    assert answer.status_code == 422
    assert '<option value="Australia/Perth">' in answer.text
    assert visitor.post("/settings/time-zone", {"time_zone": "Australia/Perth"}).status_code == 302
    with database.reading() as session:
        assert session.scalars(select(User.time_zone)).one() == "Australia/Perth"


def test_a_time_zone_that_does_not_exist_is_refused_beside_its_field(visitor: Browser) -> None:
    visitor.register("ada")
    answer = visitor.post("/settings/time-zone", {"time_zone": "Mars/<Olympus>"})
    assert answer.status_code == 422
    assert 'value="Mars/&lt;Olympus&gt;"' in answer.text
    assert 'id="field-time_zone-error"' in answer.text


def test_a_new_password_signs_out_the_other_devices_and_not_this_one(
    visitor: Browser, new_browser: Callable[[], Browser]
) -> None:
    visitor.register("ada")
    phone = new_browser()
    phone.sign_in()
    assert _change_password(visitor, PASSWORD)[0] == 302
    assert "1 other device was signed out" in visitor.get("/settings").text
    assert not phone.is_signed_in()
    assert phone.sign_in().status_code == 422
    assert phone.sign_in(password=NEW_PASSWORD).status_code == 302


def test_a_new_password_ends_a_copied_cookie(
    visitor: Browser, new_browser: Callable[[], Browser]
) -> None:
    visitor.register("ada")
    thief = new_browser()
    thief.client.set_cookie("sketchmaker_session", visitor.cookie())
    assert thief.is_signed_in()
    assert _change_password(visitor, PASSWORD)[0] == 302
    assert visitor.is_signed_in()
    assert not thief.is_signed_in()


def test_a_password_is_not_changed_without_the_one_in_force(visitor: Browser) -> None:
    visitor.register("ada")
    status, page = _change_password(visitor, "not the password")
    assert status == 422
    assert "not your current password" in page
    assert 'id="field-current-error"' in page
    assert "not the password" not in page
    assert NEW_PASSWORD not in page


def test_weak_new_passwords_are_refused_and_are_no_failed_guesses(visitor: Browser) -> None:
    visitor.register("ada")
    for _ in range(6):
        status, page = _change_password(visitor, PASSWORD, "password1234")
        assert status == 422
        assert 'id="field-new-error"' in page
    assert _change_password(visitor, PASSWORD)[0] == 302


def test_an_open_browser_is_no_way_to_try_passwords_without_end(visitor: Browser) -> None:
    visitor.register("ada")
    for _ in range(5):
        assert _change_password(visitor, "not the password")[0] == 422
    assert _change_password(visitor, PASSWORD)[0] == 429


def test_a_revoked_device_is_signed_out_at_its_next_request(
    visitor: Browser, new_browser: Callable[[], Browser], clock: ManualClock
) -> None:
    visitor.register("ada")
    phone = new_browser()
    phone.sign_in()
    clock.advance(timedelta(hours=3))
    page = visitor.get("/settings").text
    assert "last seen 3 hours ago" in page
    buttons = re.findall(r'action="(/settings/devices/\d+/sign-out)"', page)
    assert len(buttons) == 1
    assert visitor.post(buttons[0]).status_code == 302
    answer = phone.get("/settings")
    assert (answer.status_code, answer.location) == (302, "/login?next=/settings")
    assert visitor.is_signed_in()


def test_all_other_devices_are_signed_out_at_once(
    visitor: Browser, new_browser: Callable[[], Browser]
) -> None:
    visitor.register("ada")
    others = [new_browser(), new_browser()]
    for other in others:
        other.sign_in()
    visitor.post("/settings/devices/sign-out-others")
    assert visitor.is_signed_in()
    assert not any(other.is_signed_in() for other in others)


def test_nobody_signs_out_a_device_of_somebody_else(
    visitor: Browser, new_browser: Callable[[], Browser], database: Database
) -> None:
    visitor.register("ada")
    mallory = new_browser()
    mallory.register("mallory")
    for session_id in [_session_ids(database)[0], 10**6]:
        answer = mallory.post(f"/settings/devices/{session_id}/sign-out")
        assert answer.status_code == 302
    assert "signed out already" in mallory.get("/settings").text
    assert visitor.is_signed_in()


def test_a_device_number_beyond_any_is_not_found(visitor: Browser) -> None:
    visitor.register("ada")
    assert visitor.post(f"/settings/devices/{2**70}/sign-out").status_code == 404


def test_an_account_is_deleted_with_its_password_and_a_tick(
    visitor: Browser, database: Database
) -> None:
    visitor.register("ada")
    page = "/settings/delete-account"
    assert page in visitor.get("/settings").text
    assert "You can't undo this" in visitor.get(page).text
    assert visitor.post(page, {"password": PASSWORD}).status_code == 422
    wrong = visitor.post(page, {"password": "not it at all", "is_certain": "yes"})
    assert (wrong.status_code, "not your current password" in wrong.text) == (422, True)
    assert visitor.is_signed_in()
    gone = visitor.post(page, {"password": PASSWORD, "is_certain": "yes"})
    assert (gone.status_code, gone.location) == (302, "/")
    assert not visitor.is_signed_in()
    assert visitor.sign_in("ada").status_code == 422
    with database.reading() as session:
        assert session.scalars(select(User.username)).one().startswith("deleted ")


def test_the_only_superadmin_is_told_why_they_can_not_go(
    visitor: Browser, database: Database
) -> None:
    visitor.register("ada")
    with database.transaction() as session:
        session.execute(update(User).values(role=Role.SUPERADMIN))
    answer = visitor.post("/settings/delete-account", {"password": PASSWORD, "is_certain": "yes"})
    assert answer.status_code == 422
    assert "only active superadmin" in answer.text
    assert visitor.is_signed_in()
