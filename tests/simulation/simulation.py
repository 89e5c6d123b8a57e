"""One run: a small cluster lives for a while, with everything that a seed and a profile bring."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import subscriptions
from sketchmaker.credits.rows import plans
from tests.simulation.clock import Timeline
from tests.simulation.driver import Driver
from tests.simulation.faults import Faults
from tests.simulation.history import History
from tests.simulation.machine import Machine
from tests.simulation.oracle import Oracle
from tests.simulation.world import Profile, Streams, Trace
from tests.support.actors import SOMEBODY
from tests.support.people import add_user

ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata",
    "Pacific/Auckland", "America/Sao_Paulo",
)  # fmt: skip
PLANS = ("free", "free", "premium", "pro")
DAYS = (1, 15, 28, 29, 30, 31, 31)
YEAR = timedelta(days=365.25)


class Simulation:
    """The parts of one run; `load` and `nodes` bring it to life."""

    def __init__(
        self,
        driver: Driver,
        seed: int,
        profile: Profile,
        *,
        folder: Path,
        until: int | None = None,
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.asked_profile = profile
        self.streams = Streams(seed)
        self.profile = self.streams.drawn(profile)
        self.driver = driver
        self.trace = Trace(until)
        self.history = History()
        self.oracle = Oracle(driver, self.history)
        self.start = self._drawn_start()
        self.timeline = Timeline(
            self.start, self.streams.clock, self.profile, self.oracle.boundaries
        )
        self.machine = Machine(self.streams.schedule, self.trace, self._moment)
        self.faults = Faults(self.streams, self.profile, driver.name)
        self.desk = CreditDesk(driver.database)
        self.end = self.start + timedelta(days=self.profile.days)
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._asked = 0

    def at(self, moment: datetime, event: Callable[[], None]) -> None:
        """Let something begin at a true time; in its order, if several do."""
        self._asked += 1
        heapq.heappush(self._agenda, (moment, self._asked, event))

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        """Let something begin so many seconds from now."""
        self.at(self.timeline.true + timedelta(seconds=seconds), event)

    def live(self, until: datetime) -> None:
        """Let time pass, and everything happen that it brings.

        Raises:
            Violation, OutOfSteps.
        """
        while True:
            if self.machine.is_idle:
                if not self._agenda or self._agenda[0][0] > until:
                    self.timeline.advance_to(until)
                    return
                self.timeline.advance_to(self._agenda[0][0])
            while self._agenda and self._agenda[0][0] <= self.timeline.true:
                heapq.heappop(self._agenda)[2]()
            self._step()

    def populate(self) -> None:
        """Make the accounts: plans, zones and anchors of many kinds, days 29 to 31 among them."""
        chance = self.streams.load
        with self.driver.database.transaction() as session:
            plans.ensure_default_plans(session, now=self.start, by=SOMEBODY, reason="A test.")
            for number in range(self.profile.accounts):
                user = add_user(session, now=self.start, name=f"account-{number}")
                subscriptions.start(
                    session,
                    user_id=user.id,
                    plan_name=chance.choice(PLANS),
                    now=self._drawn_anchor(),
                    time_zone=chance.choice(ZONES),
                    by=SOMEBODY,
                    reason="A test.",
                )
        with self.driver.database.reading() as session:
            on_offer = {p.display_name: p.monthly_credits for p in plans.active_plans(session)}
        self.oracle.begin(on_offer)

    def heal(self) -> None:
        """No faults and right clocks from now on: everything unknown must be settled."""
        self.faults.are_on = False
        self.timeline.set_right()
        self._agenda.clear()
        self.trace.note("all faults end")

    def _moment(self) -> str:
        return self.timeline.true.isoformat()

    def _step(self) -> None:
        if self.machine.is_idle:
            return
        self.machine.run_one()
        self.timeline.tick()
        if self.machine.has_committed:
            self.machine.has_committed = False
            # What waited for this commit may commit by itself: nothing may move while we read.
            self.machine.wake()
            self.oracle.check()

    def _drawn_start(self) -> datetime:
        chance = self.streams.load
        return datetime(chance.choice((2023, 2024, 2026)), 1, 31, 23, tzinfo=UTC) + timedelta(
            days=chance.randrange(60)
        )

    def _drawn_anchor(self) -> datetime:
        """Some month's end or beginning before the run, mostly within a few hours of midnight."""
        chance = self.streams.load
        first = (self.start - timedelta(days=chance.randrange(3, 60))).replace(day=1)
        anchor = first + timedelta(days=chance.choice(DAYS) - 1)
        hour = chance.choice((0, 1, 2, 3, 12, 22, 23))
        anchor = anchor.replace(hour=hour, minute=chance.randrange(60), second=0, microsecond=0)
        return min(anchor, self.start - timedelta(hours=1))
