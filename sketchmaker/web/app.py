"""The web: pages, their addresses, who may open them, and how errors are answered.

Owns no business rule and no table. A view parses, opens a transaction, calls one verb of a context
and renders what it gave.
"""

from typing import Final

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from sketchmaker.web.admin import reset_links as admin_reset_links
from sketchmaker.web.admin import subscriptions as admin_subscriptions
from sketchmaker.web.frame import (
    access,
    error_responses,
    page_context,
    paging,
    proxies,
    redirects,
    request_log,
    security_headers,
    session_cookie,
    sign_in_session,
    stale_forms,
    static_files,
    template_filters,
)
from sketchmaker.web.frame.parts import EXTENSION, WebParts
from sketchmaker.web.frame.retrying_app import RetryingApp
from sketchmaker.web.pages import (
    dashboard,
    gallery,
    health,
    home,
    leave,
    login,
    pricing,
    register,
    reset_password,
    settings,
    studio,
)

BLUEPRINTS: Final = (
    home.blueprint,
    pricing.blueprint,
    register.blueprint,
    login.blueprint,
    settings.blueprint,
    leave.blueprint,
    reset_password.blueprint,
    dashboard.blueprint,
    studio.blueprint,
    gallery.blueprint,
    health.blueprint,
    admin_subscriptions.blueprint,
    admin_reset_links.blueprint,
)

# The longest form is a prompt; nothing is uploaded yet.
LONGEST_BODY_BYTES: Final = 256 * 1024


def create_web_app(parts: WebParts) -> Flask:
    """The Flask application over these parts. It starts nothing and opens no connection."""
    app = RetryingApp(__name__)
    app.extensions[EXTENSION] = parts
    app.config.update(
        SECRET_KEY=parts.settings.secret_key,
        MAX_CONTENT_LENGTH=LONGEST_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=LONGEST_BODY_BYTES,
        # A studio stays open all day: the token lives as long as the sign-in.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    request_log.install(app)
    session_cookie.install(app)
    proxies.install(app, parts.settings)
    CSRFProtect(app)
    for part in (
        sign_in_session,
        access,
        security_headers,
        static_files,
        page_context,
        template_filters,
        paging,
        error_responses,
        stale_forms,
        redirects,
    ):
        part.install(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
