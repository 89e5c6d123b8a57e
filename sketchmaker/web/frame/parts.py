"""What the pages need from the rest of the system, handed to them by `bootstrap`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from flask import current_app

from sketchmaker.clock import Clock
from sketchmaker.database import Database
from sketchmaker.limits.uses import Limits
from sketchmaker.reports.counters import Counters
from sketchmaker.scheduling.scheduler import SubscriptionScheduler
from sketchmaker.settings import Settings
from sketchmaker.studio.image_store import ImageStore
from sketchmaker.studio.worker import StudioWorker

EXTENSION = "sketchmaker"


@dataclass(frozen=True)
class WebParts:
    """One running system, as the web sees it."""

    settings: Settings
    database: Database
    clock: Clock
    scheduler: SubscriptionScheduler
    studio_worker: StudioWorker
    image_store: ImageStore
    limits: Limits
    started_at: datetime
    counters: Counters = field(default_factory=Counters)


def parts() -> WebParts:
    """The parts of the application that answers the present request."""
    return cast(WebParts, current_app.extensions[EXTENSION])
