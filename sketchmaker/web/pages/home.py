"""The front door: the landing page for visitors, the studio for everybody else."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from sketchmaker.credits import plans
from sketchmaker.web.access import public
from sketchmaker.web.page_context import viewer
from sketchmaker.web.parts import parts

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
def show() -> ResponseReturnValue:
    """The landing page; people who are signed in go to work at once."""
    if viewer():
        return redirect(url_for("studio.show"))
    with parts().database.reading() as session:
        offered = plans.active_plans(session)
    return render_template("pages/home.html", plans=offered)
