"""The processes of the cluster that work by themselves: two schedulers and a housekeeper."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sketchmaker.credits.managing import granting
from sketchmaker.credits.rows import idempotency
from sketchmaker.credits.spending import holds
from sketchmaker.database import DatabaseUnavailable
from sketchmaker.scheduling.reset_runner import ResetRunner
from tests.simulation.clock import NodeClock
from tests.simulation.simulation import Simulation

SCHEDULERS = ("scheduler-1", "scheduler-2")
HOUSEKEEPER = "housekeeper"
LONGEST_SLEEP = timedelta(days=9)
AGAIN_AFTER = timedelta(seconds=30)


class Nodes:
    """Wakes them: schedulers when something is due, the housekeeper now and then."""

    def __init__(self, run: Simulation) -> None:
        self._run = run
        self._chance = run.streams.stream("nodes")
        self._down_until = dict.fromkeys(SCHEDULERS, run.start)
        self._is_ending = False

    def begin(self) -> None:
        """Everybody is started, with the first outages."""
        for node in SCHEDULERS:
            self._sleep(node)
        self._run.at(self._run.start + timedelta(days=1), self._keep_house)
        self._plan_outage()
        self._plan_wrong_clocks()

    def finish(self) -> None:
        """One round of everybody, with nothing going wrong: all that is due gets done."""
        self._is_ending = True
        self._down_until = dict.fromkeys(SCHEDULERS, self._run.start)
        self._wake_all()
        self._run.after(90, self._keep_house_once)

    def keep_house_at(self, moment: datetime) -> None:
        """The housekeeper will come round about then."""
        self._run.at(moment, self._keep_house_once)

    def _wake(self, node: str) -> None:
        if self._is_ending:
            return
        self._wake_once(node)
        self._sleep(node)

    def _wake_all(self) -> None:
        for node in SCHEDULERS:
            self._run.after(1, partial(self._wake_once, node))

    def _wake_once(self, node: str) -> None:
        runner = ResetRunner(self._run.driver.database, NodeClock(self._run.timeline, node))

        def work() -> None:
            try:
                runner.run()
            except DatabaseUnavailable:
                self._run.history.statistics["resets put off"] += 1

        if self._run.timeline.true >= self._down_until[node]:
            self._run.machine.spawn(node, None, work)

    def _sleep(self, node: str) -> None:
        now = self._run.timeline.true
        due = min(self._run.oracle.boundaries(), default=now + LONGEST_SLEEP)
        wake = min(due + timedelta(seconds=self._chance.uniform(-0.5, 2)), now + LONGEST_SLEEP)
        if due <= now:  # put off, or not yet due by a clock that is wrong
            wake = now + AGAIN_AFTER * self._chance.uniform(1, 200)
        wake = max(wake, now + AGAIN_AFTER)
        wake = max(wake, self._down_until[node])
        self._run.at(wake, lambda: self._wake(node))

    def _keep_house(self) -> None:
        self._keep_house_once()
        if not self._is_ending:
            self._run.after(self._chance.uniform(0.2, 6) * 86400, self._keep_house)

    def _keep_house_once(self) -> None:
        self._run.machine.spawn(HOUSEKEEPER, None, self._chores)

    def _chores(self) -> None:
        clock = NodeClock(self._run.timeline, HOUSEKEEPER)
        verbs: tuple[Callable[..., object], ...] = (
            holds.release_expired,
            granting.expire_due,
            idempotency.forget_old,
        )
        for verb in verbs:
            try:
                with self._run.driver.database.transaction() as session:
                    verb(session, now=clock.now())
            except DatabaseUnavailable:
                self._run.history.statistics["chores put off"] += 1

    def _plan_outage(self) -> None:
        """Both schedulers are down for a while, some months at the most."""
        if self._chance.random() < self._run.profile.outage:
            begins = self._run.start + timedelta(days=self._chance.uniform(0, 250))
            ends = begins + timedelta(days=self._chance.choice((0.1, 3, 40, 100)))

            def fall() -> None:
                self._down_until = dict.fromkeys(SCHEDULERS, ends)
                self._run.history.statistics["outages"] += 1

            self._run.at(begins, fall)

    def _plan_wrong_clocks(self) -> None:
        profile = self._run.profile
        if not profile.clock_back and not profile.clock_forward:
            return

        def go_wrong() -> None:
            told = self._run.timeline.set_wrong()
            if told is not None:
                self._run.trace.note(told)
                self._run.history.statistics["clocks went wrong"] += 1
                self._wake_all()
            self._run.after(self._chance.uniform(3, 40) * 86400, go_wrong)

        self._run.after(self._chance.uniform(1, 20) * 86400, go_wrong)
