"""What happened since an instant, counted over the whole installation."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sketchmaker.accounts.tables import User
from sketchmaker.credits.rules.actions import RESET_ACTION
from sketchmaker.credits.tables import UsageHistory
from sketchmaker.studio.tables import Generation, GenerationState


@dataclass(frozen=True, slots=True)
class Today:
    """Counts since `since`; credits are net of refunds."""

    since: datetime
    credits_used: int
    images: int
    generations_failed: int
    generations_ended: int
    resets: int
    new_users: int

    @property
    def failed_percent(self) -> int:
        """How many of a hundred generations that ended failed, rounded up from the first one."""
        if not self.generations_ended:
            return 0
        return -(-100 * self.generations_failed // self.generations_ended)


def today(session: Session, *, since: datetime) -> Today:
    """What happened from `since` until now."""
    failed = Generation.state == GenerationState.FAILED
    ended, not_made, images = session.execute(
        select(
            func.count(),
            func.count().filter(failed),
            func.coalesce(func.sum(Generation.images_delivered), 0),
        ).where(Generation.started_at >= since, Generation.finished_at.is_not(None))
    ).one()
    is_reset = UsageHistory.action == RESET_ACTION
    used, resets = session.execute(
        select(
            func.coalesce(func.sum(UsageHistory.credits_used), 0), func.count().filter(is_reset)
        ).where(UsageHistory.created_at >= since)
    ).one()
    joined = select(func.count(User.id)).where(User.created_at >= since)
    return Today(
        since=since,
        credits_used=used,
        images=images,
        generations_failed=not_made,
        generations_ended=ended,
        resets=resets,
        new_users=session.scalar(joined) or 0,
    )
