"""Who acts in this request, for the audit trail; and the reason that a form of the console has."""

from flask import request

from sketchmaker.record.actor import SELF, Actor, Through
from sketchmaker.web.frame.request_log import request_id
from sketchmaker.web.frame.sign_in_session import address
from sketchmaker.web.frame.viewer import signed_in_viewer


def admin() -> Actor:
    """The person of this request, who acts on others' things in the console."""
    person = signed_in_viewer()
    return _actor(person.id, person.username, person.role, Through.CONSOLE)


def oneself() -> Actor:
    """The person of this request, who changes what is their own."""
    person = signed_in_viewer()
    return _actor(person.id, person.username, SELF, Through.PAGE)


def somebody(username: str, account_id: int | None = None) -> Actor:
    """Somebody who is not signed in and shows in another way who they are, or are to become."""
    return _actor(account_id, username, SELF, Through.PAGE)


def reason() -> str:
    """The reason that the form gives; empty when it gives none."""
    return request.form.get("reason", "")


def _actor(account_id: int | None, name: str, role: str, through: Through) -> Actor:
    return Actor(account_id, name, str(role), through, address(), request_id())
