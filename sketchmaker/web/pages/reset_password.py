"""Choosing a new password by a one-time link, and whom to ask for one."""

from http import HTTPStatus

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from werkzeug import Response
from wtforms import PasswordField

from sketchmaker import logs
from sketchmaker.accounts import passwords, reset_links
from sketchmaker.accounts.tables import User
from sketchmaker.web.frame.access import public
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction

blueprint = Blueprint("reset_password", __name__)


class NewPasswordForm(FlaskForm):
    """The password to come."""

    new = PasswordField(default="")


@blueprint.get("/forgot-password")
@public
def forgot() -> ResponseReturnValue:
    """Whom to ask for a link."""
    return render_template("pages/forgot_password.html", contact=parts().settings.contact)


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
        reset_links.use(session, token, new_hash=new_hash, now=now)
    logs.security("password reset by link", user=person.id)
    flash("Your new password is in force. Sign in with it.", "success")
    return redirect(url_for("login.show"))


def _page(person: User, problem: str = "") -> Response:
    page = render_template(
        "pages/reset_password.html",
        username=person.username,
        problem=problem,
        shortest_password=passwords.SHORTEST,
    )
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK)
