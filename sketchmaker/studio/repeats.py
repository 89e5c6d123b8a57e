"""The same order sent again: known by its key for ever, and without it for the time of a click.

A browser repeats a request whose answer it lost, and a person clicks twice. Both mean one order.
"""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sketchmaker.studio.errors import RequestKeyReused
from sketchmaker.studio.requests import ImageRequest
from sketchmaker.studio.tables import Generation, GenerationState

CLICK = timedelta(seconds=2)
"""The same words and options again within this time are the same click."""


def answered_before(
    session: Session, request: ImageRequest, wanted: Generation
) -> Generation | None:
    """The generation that this order began when it was sent before, if it was.

    Raises:
        RequestKeyReused: the key came before with another request.
    """
    return _sent_before(session, request, wanted) or clicked_before(session, request, wanted)


def clicked_before(
    session: Session, request: ImageRequest, wanted: Generation
) -> Generation | None:
    """The generation that the first click of a double click began.

    One that has failed or was cancelled does not count: to order it again is a new decision.
    """
    just_now = select(Generation).where(
        Generation.user_id == wanted.user_id,
        Generation.created_at > wanted.created_at - CLICK,
        Generation.created_at <= wanted.created_at,
        Generation.state.not_in([GenerationState.FAILED, GenerationState.CANCELLED]),
    )
    earlier = session.scalars(just_now.order_by(Generation.id))
    return next((each for each in earlier if _asks_the_same(request, each)), None)


def _sent_before(session: Session, request: ImageRequest, wanted: Generation) -> Generation | None:
    first = session.scalar(
        select(Generation).where(
            Generation.user_id == wanted.user_id, Generation.request_key == request.request_key
        )
    )
    if first is not None and not _asks_the_same(request, first):
        raise RequestKeyReused(request.request_key)
    return first


def _asks_the_same(request: ImageRequest, earlier: Generation) -> bool:
    return (
        request.prompt == earlier.prompt
        and request.size.name == earlier.size
        and request.count == earlier.images_requested
        and request.seed in {None, earlier.seed}
    )
