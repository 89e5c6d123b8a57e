"""Where the console begins."""

from flask import Blueprint, redirect
from flask.typing import ResponseReturnValue

from sketchmaker.web.frame.navigation import console_navigation

blueprint = Blueprint("admin", __name__, url_prefix="/admin")


@blueprint.get("/")
def show() -> ResponseReturnValue:
    """The first section that this admin may open."""
    return redirect(console_navigation()[0].url)
