"""A small studio to test with: people with plans, a worker, a provider that follows a script."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from itertools import count
from pathlib import Path
from time import monotonic, sleep

from PIL import Image as Pillow

from sketchmaker.accounts.tables import User
from sketchmaker.clock import ManualClock
from sketchmaker.credits.managing import subscriptions
from sketchmaker.credits.reading.statement import Statement, statement_for
from sketchmaker.credits.rows import plans
from sketchmaker.database import Database
from sketchmaker.studio import generations
from sketchmaker.studio.image_store import ImageStore
from sketchmaker.studio.offers import MODELS, Model
from sketchmaker.studio.providers import Delivery, ImageOrder, Picture, Progress
from sketchmaker.studio.providers.sandbox.provider import SandboxProvider
from sketchmaker.studio.requests import validated
from sketchmaker.studio.tables import Generation
from sketchmaker.studio.worker import StudioWorker
from tests.support.actors import SOMEBODY

NAMES = count(1)

MODELS["scripted"] = Model("scripted", "Scripted", is_basic=True)


class ScriptedProvider:
    """Does what the test says, and remembers what was ordered."""

    name = "scripted"
    models = ("scripted",)
    is_repeatable = False

    def __init__(self) -> None:
        self.orders: list[ImageOrder] = []
        self.script: Callable[[ImageOrder], Delivery] = deliver_all

    def generate(self, order: ImageOrder, progress: Progress) -> Delivery:
        self.orders.append(order)
        delivery = self.script(order)
        progress(len(delivery.pictures))
        return delivery


def deliver_all(order: ImageOrder) -> Delivery:
    return Delivery(tuple(a_picture(order.seed_of(n)) for n in range(order.count)))


def a_picture(seed: int = 7, *, size: tuple[int, int] = (8, 6), kind: str = "PNG") -> Picture:
    sink = BytesIO()
    Pillow.new("RGB", size, (seed % 256, 120, 90)).save(sink, kind)
    return Picture(sink.getvalue(), seed)


class Studio:
    """The parts of a studio on one database, and the verbs of a test."""

    def __init__(self, database: Database, clock: ManualClock, folder: Path) -> None:
        self.database = database
        self.clock = clock
        self.folder = folder
        self.store = ImageStore(folder)
        self.provider = ScriptedProvider()
        self.worker = self.new_worker()

    def new_worker(
        self, *, threads: int = 2, pause: Callable[[float], None] | None = None
    ) -> StudioWorker:
        providers = (self.provider, SandboxProvider(pause or self.clock.sleep))
        return StudioWorker(self.database, self.clock, providers, self.store, threads=threads)

    def person(self, plan: str = "free") -> int:
        name = f"person{next(NAMES)}"
        now = self.clock.now()
        with self.database.transaction() as session:
            plans.ensure_default_plans(session, now=now, by=SOMEBODY, reason="A test.")
            user = User(
                username=name,
                email=f"{name}@example.org",
                username_key=name,
                email_key=f"{name}@example.org",
                password_hash="none",
                created_at=now,
                password_changed_at=now,
            )
            session.add(user)
            session.flush()
            subscriptions.start(
                session, user_id=user.id, plan_name=plan, now=now, by=SOMEBODY, reason="A test."
            )
            return user.id

    def ask(
        self,
        user_id: int,
        *,
        count: object = 1,
        key: str | None = None,
        prompt: str | None = None,
        provider: str = "scripted",
        seed: int | None = None,
    ) -> Generation:
        number = next(NAMES)
        request = validated(
            prompt=prompt or f"a lighthouse, {key or number}",
            size="square",
            count=count,
            request_key=key or f"key-{number}",
            seed=seed,
        )
        with self.database.transaction() as session:
            return generations.submit(
                session,
                user_id=user_id,
                request=request,
                public_id=f"generation-{number}",
                seed=100,
                now=self.clock.now(),
                provider=provider,
                model=provider,
            )

    def reread(self, generation: Generation) -> Generation:
        with self.database.reading() as session:
            return session.get_one(Generation, generation.id)

    def run(self, generation: Generation) -> Generation:
        self.worker.run(generation.id)
        return self.reread(generation)

    def wait_until_finished(self, generation: Generation) -> None:
        deadline = monotonic() + 120
        while not self.reread(generation).is_finished:
            assert monotonic() < deadline, "the generation does not end"
            sleep(0.01)

    def statement(self, user_id: int) -> Statement:
        with self.database.reading() as session:
            return statement_for(session, user_id, now=self.clock.now())

    def balance(self, user_id: int) -> tuple[int, int, int]:
        """Credits available, held and used."""
        statement = self.statement(user_id)
        return statement.available, statement.held, statement.used

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def later(self, **delta: float) -> None:
        self.clock.advance(timedelta(**delta))
