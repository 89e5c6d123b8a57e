"""Which generation an image came of: what was asked for is written there."""

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from sketchmaker.studio.tables import Generation, Image


def generations_of(session: Session, images: Iterable[Image]) -> Mapping[int, Generation]:
    """The generations of these images by their id, in one query."""
    wanted = {image.generation_id for image in images}
    if not wanted:
        return {}
    found = session.scalars(select(Generation).where(Generation.id.in_(wanted)))
    return {generation.id: generation for generation in found}
