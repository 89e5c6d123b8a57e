"""Redirects for forms that htmx sends in place of the browser: it is the page that has to move."""

from flask import Flask, Response, request


def install(app: Flask) -> None:
    """Have htmx load where a whole page's form leads, as a browser would."""
    app.after_request(_move_the_page)


def _move_the_page(response: Response) -> Response:
    # fetch() follows a redirect by itself, and the page would be shown where the form was.
    sends_form = request.method == "POST" and request.headers.get("HX-Request-Type") == "full"
    if sends_form and response.status_code in {302, 303}:
        response.headers["HX-Redirect"] = response.headers.pop("Location")
        response.status_code = 204
        response.data = b""
    return response
