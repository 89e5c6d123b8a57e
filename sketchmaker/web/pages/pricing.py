"""The plans on offer, and how credits come back."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from sketchmaker.credits.rows import plans
from sketchmaker.studio.offers import cost_of
from sketchmaker.web.frame import wording
from sketchmaker.web.frame.access import public
from sketchmaker.web.frame.page_context import header_statement
from sketchmaker.web.frame.request_scope import reading
from sketchmaker.web.frame.sections import Section
from sketchmaker.web.frame.viewer import viewer_zone

blueprint = Blueprint("pricing", __name__)
section = Section("Pricing", "tag", place=4, blueprint=blueprint)


@blueprint.get("/pricing")
@public
def show() -> ResponseReturnValue:
    """Every active plan; somebody with a plan sees which one, and their own day."""
    with reading() as session:
        offered = plans.active_plans(session)
    own = header_statement()
    return render_template(
        "pages/pricing.html",
        plans=offered,
        own=own,
        image_price=cost_of(1),
        why_that_day=wording.why_that_day(own, viewer_zone()) if own else None,
        zone=viewer_zone(),
    )
