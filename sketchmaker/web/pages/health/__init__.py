"""Is this installation well? For monitors, in JSON; nothing about people.

`/livez` says that the process answers, `/readyz` that it can serve people, `/healthz` everything an
operator wants to know. The details are for admins and for whoever asks from the machine itself.
"""

from ipaddress import ip_address
from typing import Final

import flask
from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from sketchmaker import schema
from sketchmaker.accounts import sessions
from sketchmaker.accounts.roles import Role
from sketchmaker.database import DatabaseUnavailable
from sketchmaker.schema import SchemaError
from sketchmaker.web.frame.access import for_machines
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.pages.health.report import DOWN, OK, health_report

blueprint = Blueprint("health", __name__)

FORWARDING_HEADERS: Final = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


@blueprint.get("/livez")
@for_machines
def livez() -> ResponseReturnValue:
    """200 as long as the process answers. Restart it when this fails."""
    return jsonify(status=OK)


@blueprint.get("/readyz")
@for_machines
def readyz() -> ResponseReturnValue:
    """200 when the database can be reached and has this code's schema. Send nobody here else."""
    try:
        schema.check(parts().database)
    except (DatabaseUnavailable, SchemaError):
        return jsonify(status=DOWN), 503
    return jsonify(status=OK)


@blueprint.get("/healthz")
@for_machines
def healthz() -> ResponseReturnValue:
    """503 when the service can't do its work. "attention" in the body: somebody should look."""
    report = health_report(parts())
    shown = report if _is_on_this_machine() or _is_admin() else {"status": report["status"]}
    return jsonify(shown), 503 if report["status"] == DOWN else 200


def _is_on_this_machine() -> bool:
    """Whether the request comes from this machine; through a proxy, the address it forwards."""
    if not parts().settings.trusted_proxies and any(
        name in request.headers for name in FORWARDING_HEADERS
    ):
        return False  # a proxy that we were not told of: everybody seems to come from it
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _is_admin() -> bool:
    """Whether an admin asks. The visit is not noted: that would have to write."""
    token = flask.session.get("_user_id")
    if not isinstance(token, str):
        return False
    try:
        with parts().database.reading() as session:
            found = sessions.find(session, token, now=parts().clock.now())
    except DatabaseUnavailable:
        return False
    return found is not None and found.user.role.at_least(Role.ADMIN)
