"""Becoming a user: one form, and the account, its plan and the sign-in come together."""

from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug import Response
from wtforms import HiddenField, PasswordField, StringField

from sketchmaker import logs, membership
from sketchmaker.accounts import passwords, registration, sessions
from sketchmaker.accounts.errors import EmailTaken, InvalidRegistration, UsernameTaken
from sketchmaker.accounts.registration import Application, Registration
from sketchmaker.accounts.tables import User
from sketchmaker.limits.errors import LimitReached
from sketchmaker.randomness import token
from sketchmaker.web.frame import acting, sign_in_session
from sketchmaker.web.frame.access import local_path, public
from sketchmaker.web.frame.error_responses import try_again_later
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction
from sketchmaker.web.frame.viewer import viewer

blueprint = Blueprint("register", __name__)


class RegisterForm(FlaskForm):
    """What a newcomer types. What is acceptable is for the accounts context to say."""

    username = StringField(default="")
    email = StringField(default="")
    password = PasswordField(default="")
    time_zone = HiddenField(default="UTC")


@blueprint.route("/register", methods=["GET", "POST"])
@public
def show() -> ResponseReturnValue:
    """The form; sent rightly, it leads into the studio, signed in and with the default plan."""
    if viewer():
        return redirect(url_for("studio.show"))
    if not parts().settings.is_registration_open:
        return _closed()
    form = RegisterForm()
    if not form.validate_on_submit():
        return _page(form, {})
    return _answer(form)


def _answer(form: RegisterForm) -> ResponseReturnValue:
    try:
        username = _create_account(form)
    except InvalidRegistration as refused:
        return _page(form, refused.problems)
    except (UsernameTaken, EmailTaken) as refused:
        field = "username" if isinstance(refused, UsernameTaken) else "email"
        return _page(form, {field: str(refused)})
    except LimitReached as refused:
        page = _page(form, {"form": str(refused)}, HTTPStatus.TOO_MANY_REQUESTS)
        return try_again_later(page, refused)
    if parts().settings.mail is None:
        flash(f"Welcome, {username}. Describe an image to make your first one.", "success")
    return redirect(local_path(request.args.get("next")) or url_for("studio.show"))


def _page(
    form: RegisterForm,
    problems: dict[str, str],
    status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
) -> Response:
    page = render_template(
        "pages/register.html",
        form=form,
        problems=problems,
        shortest_password=passwords.SHORTEST,
        next_page=local_path(request.args.get("next")),
    )
    return make_response(page, status if form.is_submitted() else HTTPStatus.OK)


def _closed() -> Response:
    page = render_template("pages/register_closed.html", contact=parts().settings.contact)
    return make_response(page, HTTPStatus.FORBIDDEN)


def _create_account(form: RegisterForm) -> str:
    application = registration.read(
        username=form.username.data or "",
        email=form.email.data or "",
        password=form.password.data or "",
        time_zone=form.time_zone.data or "",
    )
    _begin(application)
    sign_in_session.keep_token(_enrol(application.hashed()))
    logs.security("registered", username=application.username)
    return application.username


def _begin(application: Application) -> None:
    """Find everything that is wrong, within the limits; only then may a password be hashed."""
    now, address, limits = request_time(), sign_in_session.address(), parts().limits
    if "username" not in application.problems:
        with transaction() as session:
            registration.count_form(session, address=address, now=now, limits=limits)
        with reading() as session:
            application = registration.with_name_looked_up(session, application)
    with transaction() as session:
        registration.count_account(session, application, address=address, now=now, limits=limits)


def _enrol(prepared: Registration) -> str:
    """Account, plan and sign-in session, or none of them; gives the session's token."""
    now, new_token = request_time(), token()
    with transaction() as session:
        user = _join(session, prepared, now)
        sessions.start(
            session,
            user_id=user.id,
            token=new_token,
            address=sign_in_session.address(),
            user_agent=sign_in_session.user_agent(),
            now=now,
        )
    return new_token


def _join(session: Session, prepared: Registration, now: datetime) -> User:
    """The account; its plan begins at once, or with the proof of its address if there is mail."""
    by = acting.somebody(prepared.username)
    if parts().settings.mail is None:
        return membership.enrol(session, prepared, now=now, by=by, reason="")
    limits = parts().limits
    return membership.enrol_unconfirmed(session, prepared, now=now, limits=limits, by=by, reason="")
