"""Proving that an e-mail address is one's own, by the link that was sent to it."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from sketchmaker import logs, membership
from sketchmaker.accounts import confirmation, letters
from sketchmaker.accounts.roles import Role
from sketchmaker.web.frame import acting
from sketchmaker.web.frame.access import public, requires
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction
from sketchmaker.web.frame.viewer import signed_in_viewer, viewer

blueprint = Blueprint("confirm_address", __name__)


@blueprint.get("/confirm-address/<token>")
@public
def show(token: str) -> ResponseReturnValue:
    """Is it meant? Programs that look through mail open every link, and must prove nothing."""
    with reading() as session:
        person = confirmation.find(session, token, secret_key=parts().settings.secret_key)
    return render_template("pages/confirm_address.html", person=person)


@blueprint.post("/confirm-address/<token>")
@public
def confirm(token: str) -> ResponseReturnValue:
    """It is: the plan begins. Whoever is not signed in here signs in next."""
    with transaction() as session:
        person = membership.confirm_address(
            session,
            token,
            secret_key=parts().settings.secret_key,
            now=request_time(),
            by=acting.somebody(""),
            reason="",
        )
    logs.security("address confirmed", user=person.id)
    flash("Your e-mail address is confirmed, and your credits are there.", "success")
    reader = viewer()
    is_here = reader is not None and reader.id == person.id
    return redirect(url_for("studio.show" if is_here else "login.show"))


@blueprint.post("/confirm-address")
@requires(Role.USER)
def send_again() -> ResponseReturnValue:
    """Another letter, for whoever has lost the first."""
    person = signed_in_viewer()
    if parts().settings.mail is not None and person.is_email_unconfirmed:
        with transaction() as session:
            letters.ask_for_confirmation_link(
                session, user_id=person.id, now=request_time(), limits=parts().limits
            )
        flash(f"The link is on its way to {person.email}.", "success")
    return redirect(url_for("dashboard.show"))
