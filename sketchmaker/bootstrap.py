"""The composition root: settings → database → studio and scheduler → Flask application.

The only place that knows all the parts. Nothing is started here: an edge (`python app.py`,
gunicorn, a command) starts what it needs.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

from flask import Flask

from sketchmaker import logs, membership, schema, settings
from sketchmaker.accounts import reset_links, sessions
from sketchmaker.clock import Clock, SystemClock
from sketchmaker.database import Database
from sketchmaker.delivery.deliverers import Deliverer
from sketchmaker.delivery.letter_writers import LetterWriters
from sketchmaker.delivery.mail import Mailer
from sketchmaker.delivery.mail_server import MailServer
from sketchmaker.delivery.worker import DeliveryWorker
from sketchmaker.limits.setting import limits_from
from sketchmaker.limits.uses import Limits, forget_old_uses
from sketchmaker.randomness import token
from sketchmaker.record import outbox_deliveries
from sketchmaker.record.actor import Actor, Through
from sketchmaker.scheduling import scheduler
from sketchmaker.scheduling.housekeeper import IMAGES_FOLDER, Chore
from sketchmaker.scheduling.scheduler import SubscriptionScheduler
from sketchmaker.settings import Settings
from sketchmaker.studio import worker
from sketchmaker.studio.image_store import ImageStore
from sketchmaker.studio.providers.sandbox.provider import SandboxProvider
from sketchmaker.studio.sweeping import Sweeper
from sketchmaker.studio.worker import StudioWorker
from sketchmaker.web.app import create_web_app
from sketchmaker.web.frame.parts import WebParts

GIVE_UP_UNCONFIRMED = partial(
    membership.give_up_unconfirmed,
    by=Actor.program("housekeeper", Through.SCHEDULER),
    reason="Nobody confirmed the address in time.",
)


@dataclass(frozen=True)
class System:
    """One composed product: every part, wired, none running."""

    settings: Settings
    database: Database
    clock: Clock
    scheduler: SubscriptionScheduler
    studio_worker: StudioWorker
    deliveries: DeliveryWorker
    image_store: ImageStore
    limits: Limits

    def start(self) -> None:
        """Start what works in the background: resets, housekeeping, drawing, mail."""
        self.studio_worker.start()
        self.deliveries.start()
        self.scheduler.start()

    def shutdown(self) -> None:
        """Finish what is under way, stop, and give back every connection."""
        self.scheduler.shutdown()
        self.deliveries.shutdown()
        self.studio_worker.shutdown()
        self.database.close()


def compose(configured: Settings, clock: Clock | None = None) -> System:
    """Wire the product for these settings. Opens no connection.

    Raises:
        SettingsError: the limits can't be understood.
    """
    clock = clock or SystemClock()
    database = Database(configured.database_url, most_connections=threads_that_ask(configured))
    image_store = ImageStore(configured.data_folder / "images")
    studio_worker = StudioWorker(
        database,
        clock,
        [SandboxProvider(sleep=clock.sleep, obeys_words=configured.obeys_sandbox_words)],
        image_store,
        threads=configured.studio_threads,
        name=_process_name(),
    )
    deliveries = DeliveryWorker(database, clock, _deliverers(configured, database, clock))
    return System(
        settings=configured,
        database=database,
        clock=clock,
        scheduler=SubscriptionScheduler(
            database, clock, chores=_chores(database, studio_worker, deliveries, image_store)
        ),
        studio_worker=studio_worker,
        deliveries=deliveries,
        image_store=image_store,
        limits=limits_from(configured.limits),
    )


def _chores(
    database: Database,
    studio_worker: StudioWorker,
    deliveries: DeliveryWorker,
    image_store: ImageStore,
) -> dict[str, Chore]:
    """What every process does now and then, besides what the scheduler does by itself."""
    return {
        "unfinished images": studio_worker.recover,
        "files of nobody": Sweeper(database, image_store).sweep,
        IMAGES_FOLDER: lambda _now: image_store.check_writable(),
        "old uses of limits": _alone(database, forget_old_uses),
        "expired links": _alone(database, reset_links.forget_expired),
        "ended sessions": _alone(database, sessions.forget_ended),
        "unconfirmed accounts": _alone(database, GIVE_UP_UNCONFIRMED),
        "old deliveries": _alone(database, outbox_deliveries.forget_old),
        "deliverers": deliveries.revive,
    }


def _deliverers(configured: Settings, database: Database, clock: Clock) -> list[Deliverer]:
    """Whoever can bring something out of the house with these settings."""
    if configured.mail is None:
        return []
    writers = LetterWriters(
        database, clock, site=configured.mail.site, secret_key=configured.secret_key
    )
    server = MailServer(configured.mail)
    return [Mailer(server, clock, sender=configured.mail.sender, writers=writers.by_kind())]


def threads_that_ask(configured: Settings) -> int:
    """How many threads of a process ask the database, each on one connection at a time."""
    in_studio = configured.studio_threads + worker.THREADS_BESIDES
    return configured.web_threads + in_studio + scheduler.THREADS + _delivering(configured)


def most_connections(configured: Settings) -> int:
    """The most connections that a process takes from PostgreSQL."""
    listening = scheduler.LISTENERS + _delivering(configured)
    return threads_that_ask(configured) + listening


def _delivering(configured: Settings) -> int:
    """How many threads send mail; when one does, another listens for what there is to send."""
    return 0 if configured.mail is None else 1


def _process_name() -> str:
    return f"{socket.gethostname()[:50]}:{os.getpid()}:{token()[:10]}"


def _alone(database: Database, verb: Callable[..., object]) -> Chore:
    """A chore that runs the verb in a transaction of its own."""

    def chore(now: datetime) -> None:
        with database.transaction() as session:
            verb(session, now=now)

    return chore


@cache
def process_system() -> System:
    """This process's one system, made from its environment, with its log open and schema checked.

    Raises:
        SettingsError, SchemaError, DatabaseUnavailable: the product can't run like this; the text
            says why and what to do.
    """
    configured = settings.load()
    logs.configure(configured)
    system = compose(configured)
    schema.check(system.database)
    return system


def create_app(system: System | None = None) -> Flask:
    """The web application of this process's system, or of the one given. Starts nothing."""
    system = system or process_system()
    return create_web_app(
        WebParts(
            settings=system.settings,
            database=system.database,
            clock=system.clock,
            scheduler=system.scheduler,
            studio_worker=system.studio_worker,
            image_store=system.image_store,
            limits=system.limits,
            started_at=system.clock.now(),
        )
    )
