"""Deleting one's own account: what goes, what is kept, and the password as the last word."""

from http import HTTPStatus

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from werkzeug import Response
from wtforms import BooleanField, PasswordField

from sketchmaker import logs, membership
from sketchmaker.accounts import sign_in
from sketchmaker.accounts.errors import LastSuperadmin, WrongCurrentPassword
from sketchmaker.accounts.roles import Role
from sketchmaker.limits.errors import LimitReached
from sketchmaker.web.frame import acting, sign_in_session
from sketchmaker.web.frame.access import requires
from sketchmaker.web.frame.error_responses import try_again_later
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import request_time, transaction
from sketchmaker.web.frame.viewer import signed_in_viewer

blueprint = Blueprint("leave", __name__)


class LeaveForm(FlaskForm):
    """The password, and that it is really meant."""

    password = PasswordField(default="")
    is_certain = BooleanField(default=False)


@blueprint.route("/settings/delete-account", methods=["GET", "POST"])
@requires(Role.USER)
def show() -> ResponseReturnValue:
    """What will be gone; sent with the password, it is."""
    form = LeaveForm()
    if not form.validate_on_submit():
        return _page({})
    if not form.is_certain.data:
        return _page({"is_certain": "Tick this box if you want to delete your account."})
    try:
        _leave(form.password.data or "")
    except (WrongCurrentPassword, LastSuperadmin) as refused:
        field = "password" if isinstance(refused, WrongCurrentPassword) else "form"
        return _page({field: str(refused)})
    except LimitReached as refused:
        page = _page({"password": str(refused)}, HTTPStatus.TOO_MANY_REQUESTS)
        return try_again_later(page, refused)
    sign_in_session.forget_browser()
    flash("Your account is deleted.", "success")
    return redirect(url_for("home.show"))


def _leave(password: str) -> None:
    now, user_id = request_time(), signed_in_viewer().id
    with transaction() as session:
        pending = sign_in.begin_attempt(
            session,
            login=signed_in_viewer().username,
            address=sign_in_session.address(),
            now=now,
            limits=parts().limits,
        )
    if not sign_in.verify(pending, password):
        logs.security("leaving refused", level="warning", user=user_id)
        raise WrongCurrentPassword
    with transaction() as session:
        sign_in.mark_right(session, pending)
        files = membership.leave(session, user_id=user_id, now=now, by=acting.oneself(), reason="")
    logs.security("left", user=user_id)
    # What a crash leaves here is swept with the other files that nobody owns.
    parts().image_store.remove(*files)


def _page(
    problems: dict[str, str], status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY
) -> Response:
    page = render_template(
        "pages/leave.html", problems=problems, username=signed_in_viewer().username
    )
    return make_response(page, status if problems else HTTPStatus.OK)
