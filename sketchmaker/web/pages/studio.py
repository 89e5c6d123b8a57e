"""Where images are made: the form, the wait, and what came of it.

Every address answers htmx with a fragment and everybody else with a page, so the studio works
without scripts too.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from sketchmaker.accounts.roles import Role
from sketchmaker.credits.errors import NoActiveSubscription
from sketchmaker.credits.statement import Statement, statement_for
from sketchmaker.randomness import seed as new_seed
from sketchmaker.randomness import token
from sketchmaker.studio import gallery, generations
from sketchmaker.studio.errors import ImageNotFound, InvalidImageRequest
from sketchmaker.studio.models_on_offer import MAX_IMAGES_PER_GENERATION, SIZES
from sketchmaker.studio.origins import generations_of
from sketchmaker.studio.tables import Generation, Image
from sketchmaker.web import paging, studio_form
from sketchmaker.web.access import requires
from sketchmaker.web.error_responses import is_fragment_request
from sketchmaker.web.page_context import signed_in_viewer
from sketchmaker.web.parts import parts
from sketchmaker.web.studio_form import Cost, StudioForm
from sketchmaker.web.thumbs import Thumb, thumbs

blueprint = Blueprint("studio", __name__, url_prefix="/studio")

RECENT_IMAGES: Final = 8
EXAMPLE_PROMPTS: Final = (
    "A calm sea at dusk, one small sail",
    "Northern lights over a city skyline",
    "Mountains folded like paper, first snow",
)


@dataclass(frozen=True)
class StudioPage:
    """Everything around the result: form, price, what was made lately."""

    form: StudioForm
    cost: Cost
    statement: Statement | None
    recent: tuple[Thumb, ...]
    examples: tuple[str, ...] = EXAMPLE_PROMPTS
    sizes: tuple[object, ...] = tuple(SIZES.values())


@dataclass(frozen=True)
class GenerationView:
    """One generation and the images it delivered, as of now."""

    generation: Generation
    images: tuple[Image, ...]

    @property
    def progress_mark(self) -> str:
        """Changes whenever there is something new to show."""
        return f"{self.generation.state}-{self.generation.images_drawn}"


@blueprint.get("")
@requires(Role.USER)
def show() -> ResponseReturnValue:
    """The form, empty or prefilled by `?prompt=` or `?like=<image>`."""
    now = parts().clock.now()
    with parts().database.reading() as session:
        page = _studio_page(session, _prefilled_form(session), now)
    return render_template("pages/studio.html", page=page)


@blueprint.post("/generations")
@requires(Role.USER)
def generate() -> ResponseReturnValue:
    """Begin a generation. The same form sent twice begins, and charges, once."""
    try:
        wanted = studio_form.request_from(request.form)
    except InvalidImageRequest as error:
        return _form_again(studio_form.form_from(request.form, error.problems))
    now = parts().clock.now()
    with parts().database.transaction() as session:
        generation = generations.submit(
            session,
            user_id=signed_in_viewer().id,
            request=wanted,
            public_id=token(),
            seed=new_seed(),
            now=now,
            limits=parts().limits,
        )
    parts().studio_worker.submit(generation.id)
    if not is_fragment_request():
        return redirect(url_for(".generation", public_id=generation.public_id), 303)
    return _progress_fragment(generation.public_id, with_new_key=True)


@blueprint.get("/generations/<public_id>")
@requires(Role.USER)
def generation(public_id: str) -> ResponseReturnValue:
    """How far it is. Polled every second; 204 while there is nothing new."""
    if is_fragment_request():
        return _progress_fragment(public_id, seen=request.args.get("seen"))
    with parts().database.reading() as session:
        view = _generation_view(session, public_id)
    return render_template("pages/generation.html", view=view)


@blueprint.get("/cost")
@requires(Role.USER)
def cost() -> ResponseReturnValue:
    """The price line and the button for another number of images."""
    count = paging.whole_number("count", default=1, highest=MAX_IMAGES_PER_GENERATION) or 1
    now = parts().clock.now()
    with parts().database.reading() as session:
        own = _own_statement(session, now)
    price = studio_form.cost_for(count, own)
    return render_template("fragments/generate_bar.html", cost=price, statement=own)


def _progress_fragment(
    public_id: str, *, seen: str | None = None, with_new_key: bool = False
) -> ResponseReturnValue:
    now = parts().clock.now()
    with parts().database.reading() as session:
        view = _generation_view(session, public_id)
        if view.progress_mark == seen:
            return "", 204
        own = _own_statement(session, now)
        recent = _recent_images(session) if view.generation.is_finished else ()
    return render_template(
        "fragments/progress.html",
        view=view,
        statement=own,
        cost=studio_form.cost_for(view.generation.images_requested, own),
        recent=recent,
        new_key=token() if with_new_key else None,
    )


def _form_again(form: StudioForm) -> Response:
    now = parts().clock.now()
    with parts().database.reading() as session:
        page = _studio_page(session, form, now)
    name = "fragments/studio_form.html" if is_fragment_request() else "pages/studio.html"
    response = make_response(render_template(name, page=page), 422)
    if is_fragment_request():
        response.headers |= {"HX-Retarget": "#studio-form", "HX-Reswap": "outerHTML"}
    return response


def _studio_page(session: Session, form: StudioForm, now: datetime) -> StudioPage:
    own = _own_statement(session, now)
    cost = studio_form.cost_for(form.count, own)
    return StudioPage(form, cost, own, _recent_images(session))


def _prefilled_form(session: Session) -> StudioForm:
    # PostgreSQL refuses a text with this character, and no name has it.
    like = request.args.get("like", "").replace("\0", "")
    if not like:
        return StudioForm(prompt=request.args.get("prompt", ""))
    try:
        image = gallery.find_image(session, user_id=signed_in_viewer().id, public_id=like)
    except ImageNotFound:
        return StudioForm()
    made_by = generations_of(session, [image])[image.generation_id]
    return studio_form.form_like(made_by, image.seed)


def _generation_view(session: Session, public_id: str) -> GenerationView:
    user_id = signed_in_viewer().id
    found = generations.find(session, user_id=user_id, public_id=public_id)
    return GenerationView(found, tuple(gallery.images_of(session, generation_id=found.id)))


def _recent_images(session: Session) -> tuple[Thumb, ...]:
    user_id = signed_in_viewer().id
    newest = gallery.page_of_images(session, user_id=user_id, page=1, per_page=RECENT_IMAGES)
    return thumbs(session, newest.items)


def _own_statement(session: Session, now: datetime) -> Statement | None:
    try:
        return statement_for(session, signed_in_viewer().id, now=now)
    except NoActiveSubscription:
        return None
