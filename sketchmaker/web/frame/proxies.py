"""What is believed of a request that came through proxies, and by which names the site is known.

Proxies tell who asked and whether it was https. They do not tell the host: they pass on `Host`.
"""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from sketchmaker import logs
from sketchmaker.settings import Settings

# For those who ask on the machine itself: monitors, and an operator who looks.
ALWAYS_KNOWN: Final = ("localhost", "127.0.0.1")


def install(app: Flask, settings: Settings) -> None:
    """Believe as many proxies as there are, and only requests for the site's own name."""
    app.after_request(_without_host)
    if settings.public_url:
        app.config["TRUSTED_HOSTS"] = [urlsplit(settings.public_url).hostname, *ALWAYS_KNOWN]
    if settings.trusted_proxies:
        # Not the prefix, the host and the port: few proxies set them, and what one passes on
        # unread is a visitor's word.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app,
            x_for=settings.trusted_proxies,
            x_proto=settings.trusted_proxies,
            x_host=0,
            x_port=0,
            x_prefix=0,
        )
    else:
        app.before_request(_warning_of_proxies())


def _without_host(response: Response) -> Response:
    # Werkzeug leads to another spelling of a path by the host that the visitor named.
    target = urlsplit(response.location or "")
    if target.netloc and target.netloc == request.host:
        path = "/" + target.path.lstrip("/")
        response.headers["Location"] = urlunsplit(("", "", path, target.query, target.fragment))
    return response


def _warning_of_proxies() -> Callable[[], Any]:
    told = False

    def warn() -> None:
        nonlocal told
        if not told and "X-Forwarded-For" in request.headers:
            told = True
            logs.event(
                "a request came through a proxy, and none is trusted: all visitors seem to have "
                "one address and share its limits; set SKETCHMAKER_TRUSTED_PROXIES",
                level="warning",
            )

    return warn
