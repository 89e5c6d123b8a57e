"""One's own account: profile, time zone, password, and the devices that are signed in."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import PasswordField, StringField

from sketchmaker import logs
from sketchmaker.accounts import (
    password_change,
    passwords,
    profile,
    sessions,
    sign_in,
    time_zones,
)
from sketchmaker.accounts.errors import (
    SignInSessionNotFound,
    UnacceptablePassword,
    UnknownTimeZone,
    WrongCurrentPassword,
)
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import SignInSession
from sketchmaker.limits.errors import LimitReached
from sketchmaker.limits.rules import Action
from sketchmaker.limits.uses import Who, account_of
from sketchmaker.randomness import token
from sketchmaker.web.frame import acting, sign_in_session
from sketchmaker.web.frame.access import requires
from sketchmaker.web.frame.error_responses import try_again_later
from sketchmaker.web.frame.paging import HIGHEST_ID
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction
from sketchmaker.web.frame.user_agents import describe
from sketchmaker.web.frame.viewer import signed_in_viewer
from sketchmaker.web.frame.wording import counted, how_far

blueprint = Blueprint("settings", __name__)


class TimeZoneForm(FlaskForm):
    """Where the person's dates are read."""

    time_zone = StringField(default="")


class PasswordForm(FlaskForm):
    """The password in force and the one to come."""

    current = PasswordField(default="")
    new = PasswordField(default="")


@dataclass(frozen=True)
class Device:
    """One browser that is signed in."""

    session_id: int
    name: str
    address: str
    last_seen: str
    signed_in_at: datetime
    is_this_one: bool


@blueprint.get("/settings")
@requires(Role.USER)
def show() -> ResponseReturnValue:
    """The whole page."""
    return _page({})


@blueprint.post("/settings/time-zone")
@requires(Role.USER)
def change_time_zone() -> ResponseReturnValue:
    """Show this person's dates in another zone."""
    form = TimeZoneForm()
    if not form.validate_on_submit():
        return _page({}, HTTPStatus.UNPROCESSABLE_ENTITY)
    typed = form.time_zone.data or ""
    found = time_zones.find_time_zones(typed)
    if len(found) > 1:
        problem = f"There are {len(found)} time zones in {typed}. Choose one of them."
        return _page(
            {"time_zone": problem}, HTTPStatus.UNPROCESSABLE_ENTITY, typed, time_zone_choices=found
        )
    zone = found[0] if found else typed
    try:
        with transaction() as session:
            profile.set_time_zone(session, user_id=signed_in_viewer().id, time_zone=zone)
    except UnknownTimeZone as refused:
        return _page({"time_zone": str(refused)}, HTTPStatus.UNPROCESSABLE_ENTITY, typed)
    flash(f"Time zone set to {zone.replace('_', ' ')}.", "success")
    return redirect(url_for("settings.show"))


@blueprint.post("/settings/password")
@requires(Role.USER)
def change_password() -> ResponseReturnValue:
    """Put a new password in force and sign out every other device."""
    form = PasswordForm()
    if not form.validate_on_submit():
        return _page({}, HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        ended = _change_password(form.current.data or "", form.new.data or "")
    except UnacceptablePassword as refused:
        return _page({"new": str(refused)}, HTTPStatus.UNPROCESSABLE_ENTITY)
    except WrongCurrentPassword as refused:
        logs.security("password change refused", level="warning", user=signed_in_viewer().id)
        return _page({"current": str(refused)}, HTTPStatus.UNPROCESSABLE_ENTITY)
    except LimitReached as refused:
        page = _page({"current": str(refused)}, HTTPStatus.TOO_MANY_REQUESTS)
        return try_again_later(make_response(page), refused)
    flash(f"Your password is changed. {_signed_out(ended)}", "success")
    return redirect(url_for("settings.show"))


@blueprint.post(f"/settings/devices/<int(max={HIGHEST_ID}):session_id>/sign-out")
@requires(Role.USER)
def sign_out_device(session_id: int) -> ResponseReturnValue:
    """End one session of this person."""
    try:
        with transaction() as session:
            sessions.revoke(
                session,
                user_id=signed_in_viewer().id,
                session_id=session_id,
                now=request_time(),
            )
    except SignInSessionNotFound as refused:
        flash(str(refused), "info")
    else:
        logs.security("session revoked", session=session_id)
        flash("That device is signed out.", "success")
    return redirect(url_for("settings.show", _anchor="devices"))


@blueprint.post("/settings/devices/sign-out-others")
@requires(Role.USER)
def sign_out_others() -> ResponseReturnValue:
    """End every session of this person but the one in use."""
    with transaction() as session:
        ended = sessions.revoke_others(
            session,
            user_id=signed_in_viewer().id,
            keep_session_id=signed_in_viewer().session_id,
            now=request_time(),
        )
    logs.security("other sessions revoked", sessions_ended=ended)
    flash(_signed_out(ended), "success")
    return redirect(url_for("settings.show", _anchor="devices"))


def _change_password(current: str, new: str) -> int:
    """Change it; gives how many other devices were signed out by that."""
    password_change.check_new(
        current=current,
        new=new,
        username=signed_in_viewer().username,
        email=signed_in_viewer().email,
    )
    now = request_time()
    with transaction() as session:
        _count_change(session, now)
        pending = sign_in.begin_attempt(
            session,
            login=signed_in_viewer().username,
            address=sign_in_session.address(),
            now=now,
            limits=parts().limits,
        )
    new_hash, new_token = password_change.prepare(pending, current=current, new=new), token()
    with transaction() as session:
        ended = password_change.change(
            session,
            pending,
            new_hash=new_hash,
            token=new_token,
            address=sign_in_session.address(),
            user_agent=sign_in_session.user_agent(),
            now=now,
            by=acting.oneself(),
            reason="",
        )
    logs.security("password changed", user=signed_in_viewer().id, sessions_ended=ended)
    sign_in_session.keep_token(new_token)
    return ended - 1


def _count_change(session: Session, now: datetime) -> None:
    who = Who(account=account_of(signed_in_viewer().id))
    parts().limits.take(session, Action.PASSWORD_CHANGE, who, now=now)


def _page(
    problems: dict[str, str],
    status: HTTPStatus = HTTPStatus.OK,
    typed_time_zone: str = "",
    time_zone_choices: tuple[str, ...] = (),
) -> ResponseReturnValue:
    now = request_time()
    with reading() as session:
        rows = sessions.list_open(session, signed_in_viewer().id, now=now)
    return render_template(
        "pages/settings.html",
        person=signed_in_viewer(),
        problems=problems,
        time_zone=(typed_time_zone or signed_in_viewer().time_zone).replace("_", " "),
        time_zones=time_zones.time_zones(),
        time_zone_choices=time_zone_choices,
        now=now,
        # This one first; the others as they were seen.
        devices=sorted((_device(row, now) for row in rows), key=lambda row: not row.is_this_one),
        shortest_password=passwords.SHORTEST,
    ), status


def _device(row: SignInSession, now: datetime) -> Device:
    return Device(
        session_id=row.id,
        name=describe(row.user_agent),
        address=row.address,
        last_seen=how_far(now, row.last_seen_at),
        signed_in_at=row.created_at,
        is_this_one=row.id == signed_in_viewer().session_id,
    )


def _signed_out(ended: int) -> str:
    if not ended:
        return "No other device was signed in."
    return f"{counted(ended, 'other device was', 'other devices were')} signed out."
