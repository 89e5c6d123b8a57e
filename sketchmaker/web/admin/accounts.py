"""Accounts in the console: making one, its role, switching it off and on, deleting it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from flask import (
    Blueprint,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug import Response

from sketchmaker import logs, membership
from sketchmaker.accounts import administration, registration, reset_links
from sketchmaker.accounts.administration import may_decide_about
from sketchmaker.accounts.errors import (
    AccountError,
    EmailTaken,
    InvalidRegistration,
    UsernameTaken,
    UserNotFound,
)
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.randomness import token
from sketchmaker.record.errors import RecordError
from sketchmaker.web.frame import acting
from sketchmaker.web.frame.access import requires
from sketchmaker.web.frame.paging import HIGHEST_ID
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction
from sketchmaker.web.frame.viewer import signed_in_viewer

blueprint = Blueprint("admin_accounts", __name__, url_prefix="/admin/users")

ONE: Final = f"/<int(max={HIGHEST_ID}):user_id>/account"


@blueprint.get("/")
def everybody() -> ResponseReturnValue:
    """Everybody is in the list of subscriptions, with a plan or without."""
    return redirect(f"{url_for('admin_subscriptions.show')}?{urlencode(request.args)}")


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """The form for a new account."""
    return _new_page({}, {})


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    """Make the account with the default plan, and show the link to choose a password by."""
    form = request.form.to_dict()
    try:
        person, link = _created(form, _role_in(form))
    except InvalidRegistration as refused:
        return _new_page(form, refused.problems)
    except (UsernameTaken, EmailTaken) as refused:
        field = "username" if isinstance(refused, UsernameTaken) else "email"
        return _new_page(form, {field: str(refused)})
    except RecordError as refused:
        return _new_page(form, {"reason": str(refused)})
    return render_template("admin/account_made.html", person=person, link=link)


@blueprint.get(ONE)
def show(user_id: int) -> ResponseReturnValue:
    """The person's role and whether they can sign in, with the forms to change that."""
    return _page(_person(user_id), {})


@blueprint.post(f"{ONE}/role")
@requires(Role.SUPERADMIN)
def change_role(user_id: int) -> ResponseReturnValue:
    """Give the person another role."""
    return _change(_person(user_id), "role")


@blueprint.post(f"{ONE}/<any(deactivate, activate, delete):what>")
def change(user_id: int, what: str) -> ResponseReturnValue:
    """Switch the account off or on, or delete it."""
    person = _person(user_id)
    if what == "delete" and request.form.get("username", "") != person.username:
        return _page(person, {"username": "Type the user's name exactly, to be sure who it is."})
    return _change(person, what)


def _change(person: User, what: str) -> ResponseReturnValue:
    """Do it; the page says what came of it."""
    user_id = person.id
    try:
        with transaction() as session:
            files = _CHANGES[what].do(session, user_id)
    except (AccountError, RecordError) as refused:
        return _page(person, {what: str(refused)})
    parts().image_store.remove(*files)
    logs.security(f"account {what}", user=user_id, by=signed_in_viewer().id)
    flash(_CHANGES[what].done.format(person.username), "success")
    if what == "delete":
        return redirect(url_for("admin_subscriptions.show"), HTTPStatus.SEE_OTHER)
    return redirect(url_for("admin_people.show", user_id=user_id), HTTPStatus.SEE_OTHER)


@dataclass(frozen=True)
class _Change:
    """What is done to an account; `do` gives the names of files to remove after the commit."""

    do: Callable[[Session, int], tuple[str, ...]]
    done: str


def _decision() -> dict[str, Any]:
    """What every managing verb is given: who decides, why and when."""
    return {"by": acting.admin(), "reason": acting.reason(), "now": request_time()}


def _set_role(session: Session, user_id: int) -> tuple[str, ...]:
    role = _role_in(request.form)
    administration.set_role(session, user_id=user_id, role=role, **_decision())
    return ()


def _set_active(session: Session, user_id: int, *, is_active: bool) -> tuple[str, ...]:
    administration.set_active(session, user_id=user_id, is_active=is_active, **_decision())
    return ()


def _delete(session: Session, user_id: int) -> tuple[str, ...]:
    return tuple(membership.leave(session, user_id=user_id, **_decision()))


_SWITCH_OFF = partial(_set_active, is_active=False)
_SWITCH_ON = partial(_set_active, is_active=True)

_CHANGES: Final[Mapping[str, _Change]] = {
    "role": _Change(_set_role, "{} has another role from their next page on."),
    "deactivate": _Change(_SWITCH_OFF, "{} is switched off and signed out."),
    "activate": _Change(_SWITCH_ON, "{} can sign in again."),
    "delete": _Change(_delete, "The account {} is deleted. The books keep its amounts."),
}


def _created(form: Mapping[str, str], role: Role) -> tuple[User, str]:
    """The account, and the address of the one-time link to choose a password by."""
    prepared = registration.prepare(
        username=form.get("username", ""),
        email=form.get("email", ""),
        password=token(),  # nobody knows it: the link leads to one of the person's own
        time_zone=form.get("time_zone", "") or "UTC",
        role=role,
    )
    secret = token()
    decision = _decision()
    with transaction() as session:
        person = membership.enrol(session, prepared, **decision)
        reset_links.issue(session, user_id=person.id, token=secret, **decision)
    logs.security("account made", user=person.id, by=signed_in_viewer().id)
    site = parts().settings.public_url or request.host_url.rstrip("/")
    return person, site + url_for("reset_password.show", token=secret)


def _role_in(form: Mapping[str, str]) -> Role:
    """The role that the form asks for; only a superadmin gives another than user."""
    asked = form.get("role", Role.USER.value)
    if asked not in set(Role):
        abort(400)
    if asked != Role.USER and signed_in_viewer().role != Role.SUPERADMIN:
        abort(403)
    return Role(asked)


def _person(user_id: int) -> User:
    with reading() as session:
        person = session.get(User, user_id)
    if person is None:
        raise UserNotFound(user_id)
    if not may_decide_about(signed_in_viewer().role, Role(person.role)):
        abort(403)
    return person


def _page(person: User, problems: Mapping[str, str]) -> Response:
    page = render_template(
        "admin/account.html",
        person=person,
        problems=problems,
        form=request.form,
        roles=[role.value for role in Role],
    )
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _new_page(form: Mapping[str, str], problems: Mapping[str, str]) -> Response:
    page = render_template(
        "admin/account_new.html",
        form=form,
        problems=problems,
        roles=[role.value for role in Role],
    )
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)
