"""What the log knows of a request: its id, where it came from, who sent it, how it was answered.

Every answer carries the id as `X-Request-Id`, pages of failures show it, and every line that is
written meanwhile has it. `access.log` gets a line for each request; a refusal has one in `app.log`
as well.
"""

from typing import Final

from flask import Flask, Response, g, request

from sketchmaker import logs
from sketchmaker.clock import uptime_seconds
from sketchmaker.randomness import token
from sketchmaker.web.frame.sign_in_session import address

ID_LENGTH: Final = 10
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# What monitors and browsers ask for all the time is worth a line only when it fails.
QUIET: Final = frozenset({"static", "health"})
# The answer to a page that asks every second how its image is coming on.
NOTHING_NEW: Final = 204


def install(app: Flask) -> None:
    """Log every request. Install it before all others: then it begins first and ends last."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def request_id() -> str:
    """The id of the present request."""
    identity: str = g.request_id
    return identity


def _begin() -> None:
    logs.unbind_all()
    g.request_id = token()[:ID_LENGTH]
    g.request_began_at = uptime_seconds()
    logs.bind(request=g.request_id, address=address(), route=_route())


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_id()
    status = response.status_code
    if 400 <= status < 500 and request.url_rule is not None:
        logs.event("refused", counted=True, method=_method(), status=status)
    is_quiet = _section() in QUIET or status == NOTHING_NEW
    if status >= 400 or not is_quiet:
        logs.access(
            method=_method(),
            status=status,
            ms=round((uptime_seconds() - g.request_began_at) * 1000),
        )
    return response


def _forget(_error: BaseException | None) -> None:
    logs.unbind_all()


def _route() -> str:
    # The rule, not the path: what a visitor puts into an address is nobody's business here.
    return request.url_rule.rule if request.url_rule else "-"


def _method() -> str:
    # A visitor may call a method anything.
    return request.method if request.method in METHODS else "other"


def _section() -> str:
    return (request.endpoint or "").partition(".")[0]
