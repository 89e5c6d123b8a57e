"""An admin gives a person who forgot their password a one-time link."""

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sketchmaker import logs
from sketchmaker.accounts import reset_links
from sketchmaker.accounts.administration import may_decide_about
from sketchmaker.accounts.errors import UserNotFound
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.randomness import token
from sketchmaker.web.frame import acting
from sketchmaker.web.frame.paging import HIGHEST_ID
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction
from sketchmaker.web.frame.viewer import signed_in_viewer

blueprint = Blueprint("admin_reset_links", __name__, url_prefix="/admin/users")


@blueprint.get(f"/<int(max={HIGHEST_ID}):user_id>/reset-link")
def confirm(user_id: int) -> ResponseReturnValue:
    """Is it meant, and for whom."""
    return render_template("admin/reset_link.html", person=_person(user_id), link=None)


@blueprint.post(f"/<int(max={HIGHEST_ID}):user_id>/reset-link")
def make(user_id: int) -> ResponseReturnValue:
    """The link, shown this once."""
    person, secret, now = _person(user_id), token(), request_time()
    with transaction() as session:
        expires_at = reset_links.issue(
            session,
            user_id=user_id,
            token=secret,
            now=now,
            by=acting.admin(),
            reason=acting.reason(),
        )
    logs.security("reset link made", user=user_id, by=signed_in_viewer().id)
    site = parts().settings.public_url or request.host_url.rstrip("/")
    link = site + url_for("reset_password.show", token=secret)
    return render_template("admin/reset_link.html", person=person, link=link, expires_at=expires_at)


def _person(user_id: int) -> User:
    with reading() as session:
        person = session.get(User, user_id)
    if person is None or not person.is_active:
        raise UserNotFound(user_id)
    if not may_decide_about(signed_in_viewer().role, Role(person.role)):
        abort(403)
    return person
