"""Somebody who is out of credits asks an admin for more."""

from http import HTTPStatus

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug import Response

from sketchmaker import logs
from sketchmaker.accounts.roles import Role
from sketchmaker.web.frame.access import requires
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction
from sketchmaker.web.frame.viewer import signed_in_viewer
from sketchmaker.wishes import wishing
from sketchmaker.wishes.errors import InvalidWish

blueprint = Blueprint("ask", __name__, url_prefix="/dashboard/ask")


@blueprint.get("")
@requires(Role.USER)
def show() -> ResponseReturnValue:
    """The form, or what was asked and waits."""
    return _page()


@blueprint.post("")
@requires(Role.USER)
def ask() -> ResponseReturnValue:
    """Ask. One request waits at a time."""
    user_id, now = signed_in_viewer().id, request_time()
    sentence = request.form.get("sentence", "")
    try:
        with transaction() as session:
            wishing.wish(
                session, user_id=user_id, sentence=sentence, now=now, limits=parts().limits
            )
    except InvalidWish as refused:
        return _page(sentence, str(refused), HTTPStatus.UNPROCESSABLE_ENTITY)
    logs.event("credits asked for", user=user_id)
    flash("An admin will see your request.", "success")
    return redirect(url_for("dashboard.show"))


def _page(sentence: str = "", problem: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    user_id = signed_in_viewer().id
    with reading() as session:
        waiting = wishing.open_wish_of(session, user_id=user_id)
        last = wishing.last_answer_to(session, user_id=user_id)
    page = render_template(
        "pages/ask.html",
        sentence=sentence,
        problem=problem,
        waiting=waiting,
        last=last,
        longest=wishing.LONGEST_SENTENCE,
    )
    return make_response(page, status)
