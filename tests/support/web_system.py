"""The whole product over one database: for the test client, and served to a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sketchmaker import bootstrap
from sketchmaker.accounts import registration
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.bootstrap import System
from sketchmaker.clock import Clock
from sketchmaker.commands.http_server import HttpServer
from sketchmaker.credits.managing import subscriptions
from sketchmaker.credits.rows import plans
from sketchmaker.settings import Settings
from tests.support.actors import SOMEBODY

PASSWORD = "correct-horse-battery"


def composed(
    database_url: str, folder: Path, clock: Clock | None = None, **different: Any
) -> System:
    """A system of its own data folder, with these settings besides; nothing in it runs."""
    settings = Settings(
        database_url=database_url, data_folder=folder, secret_key="k" * 40, **different
    )
    system = bootstrap.compose(settings, clock)
    with system.database.transaction() as session:
        plans.ensure_default_plans(session, now=system.clock.now(), by=SOMEBODY, reason="A test.")
    return system


def enrolled(
    system: System,
    username: str,
    *,
    role: Role = Role.USER,
    plan: str = "free",
    time_zone: str = "UTC",
    password: str = PASSWORD,
) -> User:
    """A person with a plan who can sign in; joined at the system's now."""
    wanted = registration.prepare(
        username=username,
        email=f"{username}@example.org",
        password=password,
        time_zone=time_zone,
        role=role,
    )
    now = system.clock.now()
    with system.database.transaction() as session:
        user = registration.register(session, wanted, now=now)
        subscriptions.start(
            session,
            user_id=user.id,
            plan_name=plan,
            now=now,
            time_zone=user.time_zone,
            by=SOMEBODY,
            reason="A test.",
        )
    return user


@contextmanager
def served(system: System, *, with_scheduler: bool = True) -> Iterator[str]:
    """The address of the system, started and served on a free port until the block ends."""
    server = HttpServer(
        bootstrap.create_app(system), threads=system.settings.web_threads, host="127.0.0.1", port=0
    )
    system.studio_worker.start()
    if with_scheduler:
        system.scheduler.start()
    stop = Event()
    thread = Thread(target=server.serve_until, args=(stop,), name="live-server", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        # The loop ends before its sockets are closed under it.
        stop.set()
        thread.join()
        server.close()
        system.shutdown()
