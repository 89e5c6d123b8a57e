"""Who may open which page: every view says so itself, and one that does not is open to nobody.

`@public` or `@requires(Role.X)` stands below the route, or the section says it for all its views. A
request is checked before its view runs, with the role that the person has now.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from sketchmaker import logs
from sketchmaker.accounts.roles import Role
from sketchmaker.web.frame.error_responses import wants_json
from sketchmaker.web.frame.sections import sections_of
from sketchmaker.web.frame.sign_in_session import CurrentUser
from sketchmaker.web.frame.viewer import signed_in_viewer, viewer

View = TypeVar("View", bound=Callable[..., Any])

# Every page tells with each request of htmx whom it shows.
ACCOUNT_HEADER: Final = "X-Account"

# Flask's own; it serves nothing but files that are in everybody's hands anyway.
STATIC_ENDPOINT: Final = "static"


Need = Callable[[CurrentUser], None]
"""What a view asks for besides a role. It raises the error that says what is missing."""


@dataclass(frozen=True)
class Policy:
    """What a view asks of whoever opens it: a role, None when it is open to everybody, and needs.

    A view for machines does not even ask who sends the request, which would need the database.
    """

    role: Role | None
    needs: tuple[Need, ...] = ()
    for_machines: bool = False

    def lets_in(self, person: CurrentUser | None) -> bool:
        """Is the role of this person high enough? Needs aren't asked for: their views tell."""
        return self.role is None or (person is not None and person.role.at_least(self.role))

    def with_at_least(self, role: Role | None) -> "Policy":
        """This policy, or the same with that role when it asks for less."""
        if role is None or (self.role is not None and self.role.at_least(role)):
            return self
        return replace(self, role=role)


class PolicyMissing(RuntimeError):
    """A view has neither `@public` nor `@requires`: a fault of ours, so nobody may open it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        super().__init__(f"The view {endpoint} says nobody may open it: give it an access policy.")


def public(view: View) -> View:
    """Open a view to everybody, signed in or not."""
    return _with_policy(view, Policy(None))


def for_machines(view: View) -> View:
    """Open a view to monitors: nobody's session is looked up, and no cookie is set."""
    return _with_policy(view, Policy(None, for_machines=True))


def requires(role: Role, *needs: Need) -> Callable[[View], View]:
    """Open a view to people who are signed in, have at least this role, and all that it needs."""
    return lambda view: _with_policy(view, Policy(role, needs))


def policy_of(app: Flask, endpoint: str) -> Policy | None:
    """What the endpoint's view and its section ask for; None when neither says."""
    if endpoint == STATIC_ENDPOINT:
        return Policy(None)
    least = sections_of(app).least_role(endpoint)
    said: Policy | None = getattr(app.view_functions.get(endpoint), "access_policy", None)
    if said is None:
        return None if least is None else Policy(least)
    return said.with_at_least(least)


def install(app: Flask) -> None:
    """Check every request of the application."""
    app.before_request(_check)


def local_path(target: str | None) -> str | None:
    """The target when it is surely a path on this site; None for anything else.

    Browsers drop tabs and line breaks and read a backslash as a slash, so that "/\\t/evil.example"
    would lead away.
    """
    if not target or not target.startswith("/") or target.startswith("//") or "\\" in target:
        return None
    if any(unicodedata.category(letter).startswith("C") for letter in target):
        return None
    return target


def ask_to_sign_in() -> ResponseReturnValue:
    """Lead whoever is not signed in to the form, and back to this page afterwards."""
    target = url_for("login.show", next=_page_to_come_back_to())
    if "HX-Request" in request.headers:
        return Response(status=401, headers={"HX-Redirect": target})
    if wants_json():
        abort(401)
    return redirect(target)


def shows_somebody_else() -> bool:
    """Is the request from a page of another account, which was signed in before this one?"""
    account = request.headers.get(ACCOUNT_HEADER)
    return account is not None and account != str(signed_in_viewer().id)


def load_the_page_again(status: int) -> Response:
    """Have htmx load the whole page as it is for the person who is signed in now."""
    return Response(status=status, headers={"HX-Refresh": "true"})


def _with_policy(view: View, policy: Policy) -> View:
    view.access_policy = policy  # type: ignore[attr-defined]
    return view


def _check() -> ResponseReturnValue | None:
    # PostgreSQL refuses a text with this character, and no name has it.
    if "\0" in request.path:
        abort(404)
    if request.endpoint is None:
        return None  # no such page or method: Flask answers that by itself
    policy = policy_of(current_app, request.endpoint)
    if policy is None:
        raise PolicyMissing(request.endpoint)
    if request.endpoint == STATIC_ENDPOINT or policy.for_machines:
        return None
    # Asked for here also on public pages: a view may render inside a transaction, and finding the
    # person may have to write.
    person = viewer()
    if policy.role is None:
        return None
    return ask_to_sign_in() if person is None else _check_person(person, policy)


def _check_person(person: CurrentUser, policy: Policy) -> Response | None:
    if shows_somebody_else():
        return load_the_page_again(status=409)
    if not policy.lets_in(person):
        logs.security("access refused", level="warning", needs=str(policy.role))
        abort(403)
    for need in policy.needs:
        need(person)
    return None


def _page_to_come_back_to() -> str | None:
    """The page that the person is looking at, which for a form is not the address it is sent to."""
    seen = request.headers.get("HX-Current-URL") or request.referrer
    if request.method in {"GET", "HEAD"} and "HX-Request" not in request.headers:
        seen = request.url
    try:
        parts = urlsplit(seen or "")
    except ValueError:  # a client may say anything of itself
        return None
    if parts.netloc != request.host:
        return None
    return local_path(urlunsplit(("", "", parts.path, parts.query, "")))
