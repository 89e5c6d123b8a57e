"""Answers to people who ask for more credits: a grant, or no."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from sketchmaker import logs
from sketchmaker.credits.rules.errors import InvalidAmount
from sketchmaker.web.admin.people import fields
from sketchmaker.web.admin.people.act import FormRefused
from sketchmaker.web.frame import acting
from sketchmaker.web.frame.paging import HIGHEST_ID
from sketchmaker.web.frame.request_scope import request_time, transaction
from sketchmaker.web.frame.viewer import signed_in_viewer
from sketchmaker.wishes import wishing
from sketchmaker.wishes.errors import WishAnswered

blueprint = Blueprint("admin_wishes", __name__, url_prefix="/admin/wishes")


@blueprint.post(f"/<int(max={HIGHEST_ID}):wish_id>/grant")
def grant(wish_id: int) -> ResponseReturnValue:
    """Give the credits that are typed beside it."""
    now = request_time()
    try:
        credits = fields.amount(request.form)
        with transaction() as session:
            wishing.grant(
                session,
                wish_id=wish_id,
                credits=credits,
                now=now,
                by=acting.admin(),
                reason=wishing.REASON,
            )
    except (FormRefused, InvalidAmount, WishAnswered) as refused:
        flash(str(refused), "warning")
    else:
        logs.security("credits granted", wish=wish_id, credits=credits, by=signed_in_viewer().id)
        flash(f"{credits:,} granted.", "success")
    return redirect(url_for("admin_scheduled_jobs.show"))


@blueprint.post(f"/<int(max={HIGHEST_ID}):wish_id>/decline")
def decline(wish_id: int) -> ResponseReturnValue:
    """Say no."""
    now = request_time()
    try:
        with transaction() as session:
            wishing.decline(
                session, wish_id=wish_id, now=now, by=acting.admin(), reason=wishing.DECLINED
            )
    except WishAnswered as refused:
        flash(str(refused), "warning")
    else:
        logs.security("credits declined", wish=wish_id, by=signed_in_viewer().id)
        flash("The request was declined.", "success")
    return redirect(url_for("admin_scheduled_jobs.show"))
