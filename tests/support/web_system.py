"""The whole product over one database: for the test client, and served to a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from waitress.server import create_server

from sketchmaker import bootstrap
from sketchmaker.accounts import registration
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.bootstrap import System
from sketchmaker.clock import Clock
from sketchmaker.credits import plans, subscriptions
from sketchmaker.settings import Settings

PASSWORD = "correct-horse-battery"


def composed(database_url: str, folder: Path, clock: Clock | None = None) -> System:
    """A system of its own data folder; nothing in it runs."""
    settings = Settings(database_url=database_url, data_folder=folder, secret_key="k" * 40)
    system = bootstrap.compose(settings, clock)
    with system.database.transaction() as session:
        plans.ensure_default_plans(session, now=system.clock.now())
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
            session, user_id=user.id, plan_name=plan, now=now, time_zone=user.time_zone
        )
    return user


@contextmanager
def served(system: System, *, with_scheduler: bool = True) -> Iterator[str]:
    """The address of the system, started and served on a free port until the block ends."""
    server = create_server(bootstrap.create_app(system), host="127.0.0.1", port=0, threads=6)
    system.studio_worker.start()
    if with_scheduler:
        system.scheduler.start()
    thread = Thread(target=server.run, name="live-server", daemon=True)
    thread.start()
    try:
        port: int = server.effective_port  # type: ignore[union-attr]
        yield f"http://127.0.0.1:{port}"
    finally:
        # First let requests under way come to their end: they still need the database.
        server.task_dispatcher.shutdown(timeout=5)
        server.close()
        # A browser that is still open keeps its connections, and with them this loop, alive.
        thread.join(timeout=0.5)
        system.shutdown()
