"""Becoming a user: one form, and the account, its plan and the sign-in come together."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField

from sketchmaker import enrolment
from sketchmaker.accounts import passwords, registration, sessions
from sketchmaker.accounts.errors import EmailTaken, InvalidRegistration, UsernameTaken
from sketchmaker.accounts.registration import Registration
from sketchmaker.randomness import token
from sketchmaker.web import sign_in_session
from sketchmaker.web.access import local_path, public
from sketchmaker.web.page_context import viewer
from sketchmaker.web.parts import parts

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
    form = RegisterForm()
    problems: dict[str, str] = {}
    if form.validate_on_submit():
        try:
            username = _create_account(form)
        except InvalidRegistration as refused:
            problems = refused.problems
        except UsernameTaken as refused:
            problems = {"username": str(refused)}
        except EmailTaken as refused:
            problems = {"email": str(refused)}
        else:
            flash(f"Welcome, {username}. Describe a picture and make your first one.", "success")
            return redirect(local_path(request.args.get("next")) or url_for("studio.show"))
    return render_template(
        "pages/register.html",
        form=form,
        problems=problems,
        shortest_password=passwords.SHORTEST,
        next_page=local_path(request.args.get("next")),
    ), 422 if form.is_submitted() else 200


def _create_account(form: RegisterForm) -> str:
    prepared = registration.prepare(
        username=form.username.data or "",
        email=form.email.data or "",
        password=form.password.data or "",
        time_zone=form.time_zone.data or "",
    )
    sign_in_session.keep_token(_enrol(prepared))
    return prepared.username


def _enrol(prepared: Registration) -> str:
    """Account, plan and sign-in session, or none of them; gives the session's token."""
    now, new_token = parts().clock.now(), token()
    with parts().database.transaction() as session:
        user = enrolment.enrol(session, prepared, now=now)
        sessions.start(
            session,
            user_id=user.id,
            token=new_token,
            address=sign_in_session.address(),
            user_agent=sign_in_session.user_agent(),
            now=now,
        )
    return new_token
