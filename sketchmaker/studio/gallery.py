"""A person's own images. Somebody else's can't be told from those that never were."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from sketchmaker.paging import Page, page_of
from sketchmaker.studio.errors import ImageNotFound
from sketchmaker.studio.offers import MAX_SEED
from sketchmaker.studio.requests import ImageRequest
from sketchmaker.studio.tables import Generation, Image


def page_of_images(
    session: Session, *, user_id: int, page: int = 1, per_page: int = 24
) -> Page[Image]:
    """The newest images first. A page past the last one is the last one."""
    mine = Image.user_id == user_id
    total = session.scalar(select(func.count(Image.id)).where(mine)) or 0
    newest = select(Image).where(mine).order_by(Image.id.desc()).limit(per_page)
    return page_of(
        lambda offset: session.scalars(newest.offset(offset)),
        page=page,
        per_page=per_page,
        total=total,
    )


def find_image(session: Session, *, user_id: int, public_id: str) -> Image:
    """The person's image of that name.

    Raises:
        ImageNotFound: there is none, or it is somebody else's.
    """
    image = session.scalar(
        select(Image).where(Image.public_id == public_id, Image.user_id == user_id)
    )
    if image is None:
        raise ImageNotFound(public_id)
    return image


def images_of(session: Session, *, generation_id: int) -> list[Image]:
    """The images that a generation delivered and the person has kept, in their order."""
    query = select(Image).where(Image.generation_id == generation_id)
    return list(session.scalars(query.order_by(Image.position)))


def already_made(session: Session, *, user_id: int, request: ImageRequest) -> Image | None:
    """The first of the images that this request would make again, if the person has them all.

    Only a request that names its seed can repeat images. One sent again under its own key does not
    count: it gets the generation that it began.
    """
    if request.seed is None:
        return None
    seeds = {(request.seed + position) % (MAX_SEED + 1) for position in range(request.count)}
    query = (
        select(Image)
        .join(Generation, Generation.id == Image.generation_id)
        .where(
            Image.user_id == user_id,
            Image.seed.in_(seeds),
            Generation.prompt == request.prompt,
            Generation.size == request.size.name,
            Generation.request_key != request.request_key,
        )
    )
    found = session.scalars(query.order_by(Image.id)).all()
    return found[0] if {image.seed for image in found} == seeds else None


def delete_image(session: Session, *, user_id: int, public_id: str) -> tuple[str, str]:
    """Forget an image. Answers its files' names: remove them after the commit.

    Credits are not given back: the image was made.

    Raises:
        ImageNotFound: there is none, or it is somebody else's.
    """
    row = session.execute(
        delete(Image)
        .where(Image.public_id == public_id, Image.user_id == user_id)
        .returning(Image.file_name, Image.thumbnail_name)
    ).first()
    if row is None:
        raise ImageNotFound(public_id)
    return row.file_name, row.thumbnail_name
