"""The front door: the landing page for visitors, the studio for everybody else."""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from sketchmaker.credits.rows import plans
from sketchmaker.web.frame.access import public
from sketchmaker.web.frame.request_scope import reading
from sketchmaker.web.frame.viewer import viewer

blueprint = Blueprint("home", __name__)


@dataclass(frozen=True)
class Sample:
    """One image of the landing page, drawn by the sandbox from exactly this."""

    file: str
    prompt: str
    seed: int


SAMPLES: Final = (
    Sample("sample-sea.webp", "A calm sea at dusk, one small sail", 3),
    Sample("sample-planet.webp", "A ringed planet above a quiet moon", 4),
    Sample("sample-city.webp", "Northern lights over a city skyline", 5),
    Sample("sample-abstract.webp", "Abstract composition in ink and ochre", 6),
    Sample("sample-meadow.webp", "An orchard in blossom in spring", 4),
)


@blueprint.get("/")
@public
def show() -> ResponseReturnValue:
    """The landing page; people who are signed in go to work at once."""
    if viewer():
        return redirect(url_for("studio.show"))
    with reading() as session:
        offered = plans.active_plans(session)
    return render_template("pages/home.html", plans=offered, samples=SAMPLES)
