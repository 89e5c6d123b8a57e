"""One's own images: the grid, each in full, its files, deleting it. Nobody sees another's."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from flask import (
    Blueprint,
    Response,
    flash,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from sketchmaker.accounts.roles import Role
from sketchmaker.paging import Page
from sketchmaker.studio import gallery
from sketchmaker.studio.offers import SIZES
from sketchmaker.studio.origins import generations_of
from sketchmaker.studio.tables import Image
from sketchmaker.web.frame import paging
from sketchmaker.web.frame.access import requires
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, transaction
from sketchmaker.web.frame.sections import Section
from sketchmaker.web.frame.viewer import signed_in_viewer
from sketchmaker.web.pages.gallery.thumbs import Thumb, thumbs

blueprint = Blueprint("gallery", __name__)
section = Section("Gallery", "photo", place=2, blueprint=blueprint)

IMAGES_A_PAGE: Final = 24
# An image never changes, but deleting it, or signing out, should soon be felt in this browser too.
KEPT_BY_THE_BROWSER: Final = "private, max-age=3600"


@dataclass(frozen=True)
class GalleryPage:
    """One page of the grid."""

    found: Page[Image]
    thumbs: tuple[Thumb, ...]


@dataclass(frozen=True)
class ImagePage:
    """One image and all that is known of it."""

    public_id: str
    prompt: str
    size_label: str
    width: int
    height: int
    seed: int
    provider: str
    made_at: datetime


@blueprint.get("/gallery")
@requires(Role.USER)
def show() -> ResponseReturnValue:
    """The grid, newest first."""
    with reading() as session:
        found = gallery.page_of_images(
            session,
            user_id=signed_in_viewer().id,
            page=paging.page_number(),
            per_page=IMAGES_A_PAGE,
        )
        page = GalleryPage(found, thumbs(session, found.items))
    return render_template("pages/gallery.html", page=page)


@blueprint.get("/gallery/<public_id>")
@requires(Role.USER)
def image(public_id: str) -> ResponseReturnValue:
    """One image in full."""
    with reading() as session:
        page = _image_page(session, public_id)
    return render_template("pages/image.html", image=page, came_from=_came_from())


@blueprint.get("/gallery/<public_id>/delete")
@requires(Role.USER)
def confirm_delete(public_id: str) -> ResponseReturnValue:
    """Asks before anything is lost."""
    with reading() as session:
        page = _image_page(session, public_id)
    return render_template(
        "pages/image_delete.html",
        image=page,
        back=request.args.get("back"),
        came_from=_came_from(),
    )


@blueprint.post("/gallery/<public_id>/delete")
@requires(Role.USER)
def delete(public_id: str) -> ResponseReturnValue:
    """Forget the image; its files go once that is certain."""
    with transaction() as session:
        names = gallery.delete_image(session, user_id=signed_in_viewer().id, public_id=public_id)
    parts().image_store.remove(*names)
    flash("Image deleted.", "success")
    return redirect(_where_to_go_back_to(), 303)


@blueprint.get("/images/<public_id>.png")
@requires(Role.USER)
def original(public_id: str) -> ResponseReturnValue:
    """The picture itself."""
    image = _own_image(public_id)
    return _file(image.file_name, f"sketchmaker-{image.seed}{Path(image.file_name).suffix}")


@blueprint.get("/images/<public_id>/preview.webp")
@requires(Role.USER)
def preview(public_id: str) -> ResponseReturnValue:
    """The picture for looking at on a page: a fraction of the original's bytes."""
    image = _own_image(public_id)
    path = parts().image_store.preview(image.file_name)
    return _sent(path, f"sketchmaker-{image.seed}-preview.webp")


@blueprint.get("/images/<public_id>/thumbnail.webp")
@requires(Role.USER)
def thumbnail(public_id: str) -> ResponseReturnValue:
    """The small picture for grids."""
    image = _own_image(public_id)
    return _file(image.thumbnail_name, f"sketchmaker-{image.seed}-small.webp")


def _where_to_go_back_to() -> str:
    if request.args.get("back") == "studio":
        return url_for("studio.show")
    return url_for(".show", page=_came_from())


def _came_from() -> int | None:
    """The page of the grid that the person came from; None for the first."""
    number = paging.page_number()
    return number if number > 1 else None


def _own_image(public_id: str) -> Image:
    with reading() as session:
        return gallery.find_image(session, user_id=signed_in_viewer().id, public_id=public_id)


def _file(name: str, shown_as: str) -> Response:
    return _sent(parts().image_store.path(name), shown_as)


def _sent(path: Path, shown_as: str) -> Response:
    response = send_file(path.resolve(), download_name=shown_as)
    response.headers["Cache-Control"] = KEPT_BY_THE_BROWSER
    return response


def _image_page(session: Session, public_id: str) -> ImagePage:
    found = gallery.find_image(session, user_id=signed_in_viewer().id, public_id=public_id)
    made_by = generations_of(session, [found])[found.generation_id]
    size = SIZES.get(made_by.size)
    return ImagePage(
        public_id=found.public_id,
        prompt=made_by.prompt,
        size_label=size.label if size else made_by.size,
        width=found.width,
        height=found.height,
        seed=found.seed,
        provider=made_by.provider,
        made_at=found.created_at,
    )
