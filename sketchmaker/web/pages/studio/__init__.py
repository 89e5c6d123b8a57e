"""Where images are made: the form, and the feed of what is at work and what came of it.

Every address answers htmx with a fragment and everybody else with a page, so the studio works
without scripts too. A prompt is never part of an address: those end up in logs and histories.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.orm import Session

from sketchmaker import logs
from sketchmaker.accounts.roles import Role
from sketchmaker.credits.reading.statement import Statement, statement_for
from sketchmaker.credits.rules.errors import CreditError, NoActiveSubscription
from sketchmaker.database import DatabaseUnavailable
from sketchmaker.limits.errors import LimitReached
from sketchmaker.randomness import seed as new_seed
from sketchmaker.randomness import token
from sketchmaker.studio import gallery, generations
from sketchmaker.studio.errors import ImageNotFound, InvalidImageRequest, StudioError
from sketchmaker.studio.offers import MAX_IMAGES_PER_GENERATION, Choices, choices_for
from sketchmaker.studio.origins import generations_of
from sketchmaker.studio.requests import ImageRequest
from sketchmaker.studio.tables import GenerationState, Image
from sketchmaker.web.frame import paging, stale_forms
from sketchmaker.web.frame.access import requires
from sketchmaker.web.frame.error_responses import (
    answer_to,
    is_fragment_request,
    try_again_later,
)
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction
from sketchmaker.web.frame.sections import Section
from sketchmaker.web.frame.viewer import signed_in_viewer, viewer
from sketchmaker.web.pages.studio import feed as studio_feed
from sketchmaker.web.pages.studio import form as studio_form
from sketchmaker.web.pages.studio.feed import Feed
from sketchmaker.web.pages.studio.form import Cost, StudioForm

blueprint = Blueprint("studio", __name__, url_prefix="/studio")
section = Section("Studio", "brush", place=1, blueprint=blueprint)

EXAMPLE_PROMPTS: Final = (
    "A calm sea at dusk, one small sail",
    "Northern lights over a city skyline",
    "Mountains folded like paper, first snow",
)
OUT_OF_DATE: Final = {"order": "This page is out of date, and nothing was ordered. Try again."}


@dataclass(frozen=True)
class StudioPage:
    """The form with its price, and the feed."""

    form: StudioForm
    cost: Cost
    feed: Feed
    choices: Choices
    repeated: Image | None = None
    examples: tuple[str, ...] = EXAMPLE_PROMPTS


@blueprint.get("")
@requires(Role.USER)
def show() -> ResponseReturnValue:
    """The form, empty or filled in by `?example=<number>` or `?like=<image>` (`&seed=same`)."""
    now = request_time()
    with reading() as session:
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
    with reading() as session:
        repeated = gallery.already_made(session, user_id=signed_in_viewer().id, request=wanted)
    if repeated is not None:
        return _form_again(studio_form.form_from(request.form, {}), repeated=repeated)
    try:
        return _begin(wanted)
    except (CreditError, StudioError, LimitReached) as refused:
        return _refused(refused)


@blueprint.post("/generations/<public_id>/retry")
@requires(Role.USER)
def retry(public_id: str) -> ResponseReturnValue:
    """Order a failed generation again, with all its options. However often it is sent: once."""
    with reading() as session:
        failed = generations.find(session, user_id=signed_in_viewer().id, public_id=public_id)
    if failed.state != GenerationState.FAILED:
        return _answer(public_id)
    return _begin(studio_form.order_again(failed, studio_feed.retry_key(failed)))


@blueprint.post("/generations/<public_id>/cancel")
@requires(Role.USER)
def cancel(public_id: str) -> ResponseReturnValue:
    """Take back a generation that still waits."""
    now = request_time()
    with transaction() as session:
        generations.cancel(session, user_id=signed_in_viewer().id, public_id=public_id, now=now)
    return _answer(public_id)


@blueprint.get("/generations/<public_id>")
@requires(Role.USER)
def generation(public_id: str) -> ResponseReturnValue:
    """How far it is. Polled every second; 204 while there is nothing new."""
    now, user_id = request_time(), signed_in_viewer().id
    with reading() as session:
        card = studio_feed.card_of(session, user_id=user_id, public_id=public_id, now=now)
    if not is_fragment_request():
        return render_template("pages/generation.html", card=card)
    if card.mark == request.args.get("seen"):
        return "", 204
    return render_template("fragments/progress.html", card=card)


@blueprint.get("/feed")
@requires(Role.USER)
def feed() -> ResponseReturnValue:
    """The feed as it is now, for a page that was hidden, offline, or left behind by another tab."""
    return _feed_fragment() if is_fragment_request() else redirect(url_for(".show"))


@blueprint.get("/cost")
@requires(Role.USER)
def cost() -> ResponseReturnValue:
    """The price line for another number of images."""
    if not is_fragment_request():
        return redirect(url_for(".show"))
    count = paging.whole_number("count", default=1, highest=MAX_IMAGES_PER_GENERATION) or 1
    now = request_time()
    with reading() as session:
        price = _price(count, _own_statement(session, now), now)
    return render_template("fragments/cost.html", cost=price, oob=True)


@blueprint.get("/work")
@requires(Role.USER)
def work() -> ResponseReturnValue:
    """The header's credits and its sign that something is at work."""
    if not is_fragment_request():
        return redirect(url_for(".show"))
    return render_template("fragments/header_news.html")


@blueprint.after_request
def _tell_where_it_is_seen(response: Response) -> Response:
    """An order that htmx sent and that was refused: the reason goes beside the button.

    The credits in the header come along: they may be what the page did not know.
    """
    is_refusal = response.status_code >= 400 and "HX-Retarget" not in response.headers
    if request.method == "POST" and is_fragment_request() and is_refusal:
        response.headers |= {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"}
        if response.status_code in {402, 409, 429}:
            response.data += render_template("fragments/header_news.html").encode()
    return response


def _begin(wanted: ImageRequest) -> ResponseReturnValue:
    now = request_time()
    with transaction() as session:
        begun = generations.submit(
            session,
            user_id=signed_in_viewer().id,
            request=wanted,
            public_id=token(),
            seed=new_seed(),
            now=now,
            limits=parts().limits,
        )
    logs.event(
        "images ordered", generation=begun.id, images=begun.images_requested, credits=begun.price
    )
    parts().studio_worker.wake()
    return _answer(begun.public_id)


def _refused(error: Exception) -> Response:
    """Say why. A browser without scripts gets the form back as it was: nothing typed is lost.

    Raises:
        Exception: the error itself, when the table of answers has all there is to say.
    """
    answer = answer_to(error)
    if is_fragment_request() or answer.is_failure:
        raise error
    form = studio_form.form_from(request.form, {"order": str(error)})
    return try_again_later(_form_again(form, status=answer.status), error)


@blueprint.errorhandler(CSRFError)
def _from_an_old_page(error: CSRFError) -> ResponseReturnValue:
    is_order = request.endpoint == "studio.generate" and not is_fragment_request()
    with suppress(DatabaseUnavailable):
        if is_order and viewer() is not None:
            logs.security("form refused", level="warning", reason=error.description)
            return _form_again(studio_form.form_from(request.form, OUT_OF_DATE), status=400)
    return stale_forms.answer(error)


def _answer(public_id: str) -> ResponseReturnValue:
    if is_fragment_request():
        return _feed_fragment()
    return redirect(url_for(".generation", public_id=public_id), 303)


def _feed_fragment() -> str:
    now = request_time()
    with reading() as session:
        feed = studio_feed.feed_of(session, signed_in_viewer().id, now=now)
    return render_template("fragments/feed.html", feed=feed, examples=EXAMPLE_PROMPTS)


def _form_again(form: StudioForm, *, repeated: Image | None = None, status: int = 422) -> Response:
    now = request_time()
    with reading() as session:
        page = _studio_page(session, form, now, repeated)
    name = "fragments/studio_form.html" if is_fragment_request() else "pages/studio.html"
    response = make_response(render_template(name, page=page), 409 if repeated else status)
    if is_fragment_request():
        response.headers |= {"HX-Retarget": "#studio-form", "HX-Reswap": "outerMorph"}
    return response


def _studio_page(
    session: Session, form: StudioForm, now: datetime, repeated: Image | None = None
) -> StudioPage:
    own = _own_statement(session, now)
    price = _price(form.count, own, now)
    feed = studio_feed.feed_of(session, signed_in_viewer().id, now=now)
    return StudioPage(form, price, feed, choices_for(session, own), repeated)


def _prefilled_form(session: Session) -> StudioForm:
    example = paging.whole_number("example", default=None, highest=len(EXAMPLE_PROMPTS))
    if example is not None:
        return StudioForm(prompt=EXAMPLE_PROMPTS[example - 1])
    like = paging.asked("like")
    if not like:
        return StudioForm(is_empty=True)
    try:
        image = gallery.find_image(session, user_id=signed_in_viewer().id, public_id=like)
    except ImageNotFound:
        return StudioForm(is_empty=True)
    made_by = generations_of(session, [image])[image.generation_id]
    is_same = request.args.get("seed") == "same"
    return studio_form.form_like(made_by, image.seed if is_same else None)


def _price(count: int, own: Statement | None, now: datetime) -> Cost:
    return studio_form.cost_for(count, own, now=now, zone=signed_in_viewer().time_zone)


def _own_statement(session: Session, now: datetime) -> Statement | None:
    try:
        return statement_for(session, signed_in_viewer().id, now=now)
    except NoActiveSubscription:
        return None
