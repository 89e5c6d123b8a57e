"""What the studio keeps of a person who leaves: that images were made, and nothing of what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import String, case, cast, delete, update
from sqlalchemy.orm import Session

from sketchmaker.studio.tables import IS_OPEN, Generation, GenerationState, Image

ERASED: Final = "Erased with the account."


def end_open_generations(session: Session, *, user_id: int, now: datetime) -> None:
    """End what waits or is being drawn. Whoever draws it finds that, and throws the pictures away.

    The holds are not touched: release them in the same transaction.
    """
    session.execute(
        update(Generation)
        .where(Generation.user_id == user_id, IS_OPEN)
        .values(
            state=GenerationState.CANCELLED,
            failure_reason=ERASED,
            finished_at=now,
            lease_until=None,
        )
    )


def erase(session: Session, *, user_id: int) -> Sequence[str]:
    """Erase prompts and images; gives the names of the files to remove after the commit."""
    mine = Generation.user_id == user_id
    session.execute(
        update(Generation)
        .where(mine)
        .values(
            prompt="",
            seed=0,
            # One of its own for each, because a key may not come twice.
            request_key="erased " + cast(Generation.id, String),
            failure_reason=case((Generation.failure_reason.is_not(None), ERASED)),
        )
    )
    gone = session.execute(
        delete(Image)
        .where(Image.user_id == user_id)
        .returning(Image.file_name, Image.thumbnail_name)
    )
    return [name for row in gone for name in row]
