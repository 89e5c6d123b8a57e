"""The web: pages, their addresses, who may open them, and how errors are answered.

Owns no business rule and no table. A view parses, opens a transaction, calls one verb of a context
and renders what it gave.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Final

from flask import Flask
from flask_wtf.csrf import CSRFProtect

from sketchmaker.web import admin, pages
from sketchmaker.web.frame import (
    access,
    error_responses,
    page_context,
    paging,
    proxies,
    redirects,
    request_log,
    request_scope,
    sections,
    security_headers,
    session_cookie,
    sign_in_session,
    stale_forms,
    static_files,
    template_filters,
)
from sketchmaker.web.frame.parts import EXTENSION, WebParts
from sketchmaker.web.frame.retrying_app import RetryingApp

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
        request_scope,
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
    sections.install(app, pages=_modules_in(pages), console=_modules_in(admin))
    return app


def _modules_in(package: ModuleType) -> Iterator[ModuleType]:
    """Every module of the package: each is a page or a section of the console."""
    for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)
