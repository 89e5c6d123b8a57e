"""Choosing a new password by a one-time link, and how to get one: by mail, or from an admin."""

from http import HTTPStatus

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from werkzeug import Response
from wtforms import PasswordField, StringField

from sketchmaker import logs
from sketchmaker.accounts import letters, passwords, reset_links
from sketchmaker.accounts.errors import UnusableEmail
from sketchmaker.accounts.tables import User
from sketchmaker.limits.errors import LimitReached
from sketchmaker.web.frame import acting, sign_in_session
from sketchmaker.web.frame.access import public
from sketchmaker.web.frame.error_responses import try_again_later
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction

blueprint = Blueprint("reset_password", __name__)


class NewPasswordForm(FlaskForm):
    """The password to come."""

    new = PasswordField(default="")


class AddressForm(FlaskForm):
    """Where the link goes."""

    email = StringField(default="")


@blueprint.route("/forgot-password", methods=["GET", "POST"])
@public
def forgot() -> ResponseReturnValue:
    """Have a link mailed; without mail, whom to ask for one.

    The answer is the same whether anybody has the address.
    """
    form = AddressForm()
    if parts().settings.mail is None or not form.validate_on_submit():
        return _forgot_page(form)
    try:
        with transaction() as session:
            email = letters.ask_for_password_link(
                session,
                email=form.email.data or "",
                address=sign_in_session.address(),
                now=request_time(),
                limits=parts().limits,
            )
    except UnusableEmail as refused:
        return _forgot_page(form, str(refused), HTTPStatus.UNPROCESSABLE_ENTITY)
    except LimitReached as refused:
        page = _forgot_page(form, str(refused), HTTPStatus.TOO_MANY_REQUESTS)
        return try_again_later(page, refused)
    logs.security("reset link asked for")
    flash(f"If {email} has an account, a link to choose a new password is on its way.", "info")
    return redirect(url_for("login.show"))


@blueprint.route("/reset-password/<token>", methods=["GET", "POST"])
@public
def show(token: str) -> ResponseReturnValue:
    """The form; sent rightly, the link is used up and the person can sign in."""
    now, form = request_time(), NewPasswordForm()
    with reading() as session:
        person = reset_links.find(session, token, now=now)
    if not form.validate_on_submit():
        return _page(person)
    new = form.new.data or ""
    if problem := passwords.check_strength(new, username=person.username, email=person.email):
        return _page(person, problem)
    new_hash = passwords.hash_password(new)
    with transaction() as session:
        reset_links.use(
            session,
            token,
            new_hash=new_hash,
            now=now,
            by=acting.somebody(person.username, person.id),
            reason="",
        )
    logs.security("password reset by link", user=person.id)
    flash("Your new password is in force. Sign in with it.", "success")
    return redirect(url_for("login.show"))


def _forgot_page(
    form: AddressForm, problem: str = "", status: HTTPStatus = HTTPStatus.OK
) -> Response:
    page = render_template(
        "pages/forgot_password.html",
        contact=parts().settings.contact,
        has_mail=parts().settings.mail is not None,
        email=form.email.data or "",
        problem=problem,
    )
    return make_response(page, status)


def _page(person: User, problem: str = "") -> Response:
    page = render_template(
        "pages/reset_password.html",
        username=person.username,
        problem=problem,
        shortest_password=passwords.SHORTEST,
    )
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)
