"""A small studio with a past, made by the product's own verbs at earlier times."""

from datetime import datetime, timedelta
from pathlib import Path

from sketchmaker.accounts.roles import Role
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits import resets
from sketchmaker.credits.rules.cycle import next_reset_after
from sketchmaker.credits.spending.charges import charge
from sketchmaker.randomness import token
from sketchmaker.scheduling import heartbeats
from sketchmaker.scheduling.heartbeats import ProcessIdentity
from sketchmaker.studio.generations import submit
from sketchmaker.studio.requests import validated
from tests.support.web_system import composed, enrolled

ZONE = "Europe/Berlin"
OWNER, ADMIN = "mara", "admin"

# (days ago, hour, prompt, size, images, seed)
HISTORY = (
    (22, 19, "A calm sea at dusk, one small sail", "square", 2, 3),
    (21, 8, "Northern lights over a frozen lake", "landscape", 1, 7),
    (18, 20, "Northern lights over a city skyline", "landscape", 2, 5),
    (16, 11, "A ringed planet above a quiet moon", "square", 1, 21),
    (13, 8, "A forest after rain, mist between the trunks", "portrait", 2, 3),
    (11, 21, "A desert of red dunes", "square", 1, 2),
    (9, 12, "sandbox:fail A ship in a bottle", "square", 2, 1),
    (8, 12, "A ship on a green sea before the storm", "square", 2, 14),
    (6, 19, "Mountains folded like paper, first snow", "landscape", 3, 9),
    (4, 10, "An orchard in blossom in spring", "square", 1, 8),
    (2, 16, "A garden of flowers at noon", "square", 2, 17),
    (1, 9, "Abstract composition in ink and ochre", "portrait", 2, 4),
)
PEOPLE = (
    ("jonas", "free", 31, 3), ("aiko.tanaka", "premium", 75, 12), ("studio-nord", "pro", 50, 240),
    ("leila", "free", 12, 10), ("tomasz", "free", 20, 1), ("priya", "premium", 9, 44),
    ("oskar", "free", 3, 0), ("chiara", "free", 17, 6), ("bernadette-of-a-long-name", "pro", 40, 7),
)  # fmt: skip


def fill(database_url: str, folder: Path, *, now: datetime, generations: int = 99) -> None:
    """People, a ledger and the images of the last `generations`, all before `now`."""
    clock = ManualClock(now)
    system = composed(database_url, folder, clock)
    _join(system, clock, ADMIN, now=now, days_ago=60, plan="pro", role=Role.SUPERADMIN)
    for name, plan, days_ago, spent in PEOPLE:
        user_id = _join(system, clock, name, now=now, days_ago=days_ago, plan=plan)
        clock.set(now - timedelta(hours=5))
        _spend(system, user_id, spent)
    owner_id = _join(system, clock, OWNER, now=now, days_ago=54, plan="premium")
    for days_ago, hour, prompt, size, count, seed in HISTORY[-generations:]:
        clock.set((now - timedelta(days=days_ago)).replace(hour=hour, minute=hour * 7 % 60))
        draw(system, owner_id, prompt, size=size, count=count, seed=seed)
    _beat(system, now)
    system.database.close()


def draw(
    system: System,
    user_id: int,
    prompt: str,
    *,
    size: str = "square",
    count: int = 1,
    seed: int = 1,
) -> str:
    """One generation, from the hold to the last image, in this thread; gives its public name."""
    request = validated(prompt=prompt, size=size, count=count, request_key=token(), seed=seed)
    with system.database.transaction() as session:
        generation = submit(
            session,
            user_id=user_id,
            request=request,
            public_id=token(),
            seed=seed,
            now=system.clock.now(),
        )
    system.studio_worker.run(generation.id)
    return generation.public_id


def _join(
    system: System,
    clock: ManualClock,
    name: str,
    *,
    now: datetime,
    days_ago: int,
    plan: str,
    role: Role = Role.USER,
) -> int:
    """Enrol at that time of the past, and apply every reset since, each at its time."""
    clock.set(now - timedelta(days=days_ago, hours=3))
    user = enrolled(system, name, role=role, plan=plan, time_zone=ZONE)
    boundary = next_reset_after(clock.now(), clock.now(), ZONE)
    while boundary < now:
        with system.database.transaction() as session:
            resets.reset_user(session, user_id=user.id, now=boundary + timedelta(seconds=1))
        boundary = next_reset_after(clock.now(), boundary, ZONE)
    return user.id


def _spend(system: System, user_id: int, credits: int) -> None:
    if credits:
        with system.database.transaction() as session:
            charge(
                session,
                user_id=user_id,
                credits=credits,
                action="images",
                now=system.clock.now(),
            )


def _beat(system: System, now: datetime) -> None:
    identity = ProcessIdentity(name="studio-1", host="studio", pid=4021, started_at=now)
    with system.database.transaction() as session:
        heartbeats.beat(session, identity, now=now - timedelta(seconds=4))
