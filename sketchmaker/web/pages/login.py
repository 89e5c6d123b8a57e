"""Signing in and out."""

from http import HTTPStatus

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from werkzeug import Response
from wtforms import PasswordField, StringField

from sketchmaker import logs
from sketchmaker.accounts.errors import AccountDeactivated, WrongCredentials
from sketchmaker.limits.errors import LimitReached
from sketchmaker.web.frame import sign_in_session
from sketchmaker.web.frame.access import local_path, public
from sketchmaker.web.frame.error_responses import try_again_later
from sketchmaker.web.frame.viewer import viewer

blueprint = Blueprint("login", __name__)


class LoginForm(FlaskForm):
    """A username or an e-mail address, and the password."""

    login = StringField(default="")
    password = PasswordField(default="")


@blueprint.route("/login", methods=["GET", "POST"])
@public
def show() -> ResponseReturnValue:
    """The form; sent rightly, it leads to the page that asked for it, or else into the studio."""
    if viewer():
        return redirect(_destination())
    form = LoginForm()
    if not form.validate_on_submit():
        return _page(form)
    try:
        sign_in_session.sign_in_with_password(form.login.data or "", form.password.data or "")
    except LimitReached as refused:
        return try_again_later(_page(form, str(refused), HTTPStatus.TOO_MANY_REQUESTS), refused)
    except (WrongCredentials, AccountDeactivated) as refused:
        return _page(form, str(refused))
    return redirect(_destination())


@blueprint.post("/logout")
@public
def sign_out() -> ResponseReturnValue:
    """End this browser's session. Somebody who is signed out already is simply told so again."""
    sign_in_session.sign_out()
    flash("You are signed out.", "success")
    return redirect(url_for("login.show"))


@blueprint.errorhandler(CSRFError)
def _from_an_old_page(error: CSRFError) -> ResponseReturnValue:
    """The person signed out, or in again, in another tab: what they wanted works all the same."""
    logs.security("form refused", level="warning", reason=error.description)
    if request.endpoint == "login.sign_out":
        return (render_template("pages/sign_out.html"), 400) if viewer() else sign_out()
    return redirect(request.full_path)


def _page(
    form: LoginForm, problem: str = "", status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY
) -> Response:
    next_page = local_path(request.args.get("next"))
    page = render_template("pages/login.html", form=form, problem=problem, next_page=next_page)
    return make_response(page, status if form.is_submitted() else HTTPStatus.OK)


def _destination() -> str:
    return local_path(request.args.get("next")) or url_for("studio.show")
