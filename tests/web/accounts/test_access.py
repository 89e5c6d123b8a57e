from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from sketchmaker import membership
from sketchmaker.accounts import registration, sessions
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.clock import ManualClock
from sketchmaker.credits.rules.errors import NoActiveSubscription
from sketchmaker.database import Database
from sketchmaker.randomness import token
from sketchmaker.web.frame.access import local_path, policy_of, requires
from sketchmaker.web.frame.sign_in_session import CurrentUser
from tests.accounts.people import ADDRESS, PASSWORD, set_user
from tests.support.actors import SOMEBODY
from tests.support.addresses import example, policies
from tests.web.accounts.browser import Browser
from tests.web.accounts.test_login_page import ELSEWHERE

VISITOR = "visitor"


@pytest.fixture
def people(app: Flask, database: Database, clock: ManualClock) -> dict[Role, User]:
    """One person for each role, each with the Free plan."""
    return {role: _enrolled(database, clock, role) for role in Role}


def _enrolled(database: Database, clock: ManualClock, role: Role) -> User:
    prepared = registration.prepare(
        username=f"{role}-person",
        email=f"{role}@example.org",
        password=PASSWORD,
        role=role,
    )
    with database.transaction() as session:
        return membership.enrol(session, prepared, now=clock.now(), by=SOMEBODY, reason="A test.")


def _signed_in(app: Flask, database: Database, clock: ManualClock, user: User | None) -> Browser:
    """A browser of this person, without the slow way over the form."""
    visitor = Browser(app)
    if user is None:
        return visitor
    held_token = token()
    with database.transaction() as session:
        sessions.start(
            session,
            user_id=user.id,
            token=held_token,
            address=ADDRESS,
            user_agent="Test",
            now=clock.now(),
        )
    with visitor.client.session_transaction() as cookie:
        cookie["_user_id"] = held_token
    return visitor


def _routes(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Every rule, with each of its methods and an address that it matches."""
    for rule, _policy in policies(app):
        chosen = {name: example(rule, name) for name in rule.arguments}
        address = app.url_map.bind("localhost").build(rule.endpoint, chosen)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, address


def _leads_to_sign_in(answer: TestResponse) -> bool:
    return answer.status_code == 302 and answer.location.startswith("/login")


def test_every_view_says_who_may_open_it(app: Flask) -> None:
    endpoints = {rule.endpoint for rule, _policy in policies(app)}
    assert {"login.show", "register.show", "settings.show"} <= endpoints


def test_only_the_front_of_the_house_is_public(app: Flask) -> None:
    """A new public view is a decision: add it here as well."""
    public = {rule.endpoint for rule, policy in policies(app) if policy.role is None}
    assert public == {
        "home.show",
        "confirm_address.show",
        "confirm_address.confirm",
        "pricing.show",
        "health.livez",
        "health.readyz",
        "health.healthz",
        "register.show",
        "login.show",
        "login.sign_out",
        "reset_password.forgot",
        "reset_password.show",
    }


def test_admin_pages_are_for_admins(app: Flask) -> None:
    asked = [policy.role for rule, policy in policies(app) if rule.rule.startswith("/admin")]
    assert asked
    assert all(role is not None and role.at_least(Role.ADMIN) for role in asked)


def test_every_address_opens_to_those_it_is_for_and_to_nobody_else(
    app: Flask, database: Database, clock: ManualClock, people: dict[Role, User]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False  # tested elsewhere; here it would answer first
    for rule, method, address in _routes(app):
        policy = policy_of(app, rule.endpoint)
        assert policy is not None
        for role in (None, *Role):
            visitor = _signed_in(app, database, clock, people[role] if role else None)
            answer = visitor.client.open(address, method=method)
            answer.close()
            case = f"{method} {address} as {role or VISITOR}: {answer.status_code}"
            if policy.role is not None and role is None:
                assert _leads_to_sign_in(answer), case
            elif policy.role is not None and role is not None and not role.at_least(policy.role):
                assert answer.status_code == 403, case
            else:
                assert answer.status_code not in {401, 403}, case
                assert answer.status_code != 500, case


def test_a_view_that_does_not_say_who_may_open_it_is_open_to_nobody(
    app: Flask, database: Database, clock: ManualClock, people: dict[Role, User]
) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    for person in (None, people[Role.SUPERADMIN]):
        answer = _signed_in(app, database, clock, person).get("/forgotten")
        assert answer.status_code == 500
        assert "secret" not in answer.text


def test_a_view_may_need_more_than_a_role(
    app: Flask, database: Database, clock: ManualClock, people: dict[Role, User]
) -> None:
    def only_so_many(person: CurrentUser) -> None:
        if person.username != "user-person":
            raise NoActiveSubscription(person.id)

    app.add_url_rule("/more", "more", requires(Role.USER, only_so_many)(lambda: "opened"))
    assert _signed_in(app, database, clock, people[Role.USER]).get("/more").text == "opened"
    refused = _signed_in(app, database, clock, people[Role.SUPERADMIN]).get("/more")
    assert refused.status_code == 403
    assert "No plan yet" in refused.text


def test_a_page_that_does_not_exist_is_not_found_for_visitors_too(visitor: Browser) -> None:
    assert visitor.get("/nowhere").status_code == 404


def test_a_changed_role_counts_from_the_next_request_on(
    app: Flask, database: Database, clock: ManualClock, people: dict[Role, User]
) -> None:
    person = people[Role.USER]
    visitor = _signed_in(app, database, clock, person)
    assert visitor.get("/admin/subscriptions/").status_code == 403
    set_user(database, person, role=Role.ADMIN)
    assert visitor.get("/admin/subscriptions/").status_code == 200
    set_user(database, person, role=Role.USER)
    assert visitor.get("/admin/subscriptions/").status_code == 403


def test_a_deactivated_person_is_out_at_the_next_request(
    app: Flask, database: Database, clock: ManualClock, people: dict[Role, User]
) -> None:
    visitor = _signed_in(app, database, clock, people[Role.USER])
    assert visitor.is_signed_in()
    set_user(database, people[Role.USER], is_active=False)
    assert not visitor.is_signed_in()


def test_htmx_is_told_to_load_the_sign_in_page_and_to_come_back(visitor: Browser) -> None:
    answer = visitor.client.get(
        "/gallery",
        headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/studio?size=wide"},
    )
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/studio?size%3Dwide"


def test_a_program_that_asks_for_json_is_told_in_json(visitor: Browser) -> None:
    answer = visitor.client.get("/gallery", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["error"]


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(
    app: Flask, database: Database, clock: ManualClock, people: dict[Role, User]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    for referrer, back in [
        ("http://localhost/settings", "/login?next=/settings"),
        ("http://evil.example/settings", "/login"),
    ]:
        answer = Browser(app).client.post("/settings/time-zone", headers={"Referer": referrer})
        assert answer.location == back


@pytest.mark.parametrize("target", [*ELSEWHERE, None, "/\x00/x", "/\r\nx", "/\u202ex"])
def test_what_is_not_surely_a_path_here_is_no_local_path(target: str | None) -> None:
    assert local_path(target) is None


@pytest.mark.parametrize("target", ["/", "/studio", "/gallery?page=2&x=%2F", "/bücher"])
def test_a_path_here_is_a_local_path(target: str) -> None:
    assert local_path(target) == target
