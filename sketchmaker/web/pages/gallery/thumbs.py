"""Small pictures in a grid, each with the words it was made from."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from sketchmaker.studio.origins import generations_of
from sketchmaker.studio.tables import Image


@dataclass(frozen=True)
class Thumb:
    """One image of a grid."""

    public_id: str
    prompt: str
    width: int
    height: int


def thumbs(session: Session, images: Iterable[Image]) -> tuple[Thumb, ...]:
    """The images with their prompts, in two queries however many they are."""
    shown = tuple(images)
    made_by = generations_of(session, shown)
    return tuple(
        Thumb(image.public_id, made_by[image.generation_id].prompt, image.width, image.height)
        for image in shown
    )
