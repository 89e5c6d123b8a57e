"""Virtual time, drawn towards boundaries; and the wall clocks of nodes, which may be wrong."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random

from tests.simulation.world import Profile

SECOND = timedelta(seconds=1)
STEPS = (0, 0, 0, 0.001, 0.01, 0.1, 0.4)
LONG_STOP_CHANCE = 0.003
SHORT_STOP_CHANCE = 0.3
LONGEST_STOP = timedelta(days=2)


class Timeline:
    """The true time of a run, which only goes on, and how far all wall clocks are off."""

    def __init__(
        self,
        start: datetime,
        chance: Random,
        profile: Profile,
        boundaries: Callable[[], Iterable[datetime]],
    ) -> None:
        self.true = start
        self.furthest = start
        self.near_boundary_steps = 0
        self.steps = 0
        self._chance = chance
        self._profile = profile
        self._boundaries = boundaries
        self._offset = timedelta(0)
        self._offset_until = start
        self._skew: dict[str, timedelta] = {}

    def now(self, node: str) -> datetime:
        """What the wall clock of that node shows."""
        now = self.true + self._present_offset() + self._skew_of(node)
        self.furthest = max(self.furthest, now)
        return now

    def advance_to(self, moment: datetime) -> None:
        """Nothing happens until then."""
        self.true = max(self.true, moment)

    def tick(self) -> None:
        """Time passes between two statements; now and then a process stops for very long."""
        self.steps += 1
        self.true += timedelta(seconds=self._chance.choice(STEPS))
        ahead = [boundary - self.true for boundary in self._boundaries()]
        nearest = min((gap for gap in ahead if gap > timedelta(0)), default=None)
        if any(abs(gap) <= SECOND for gap in ahead):
            self.near_boundary_steps += 1
        if nearest is None:
            return
        stop = self._chance.random()
        is_short = stop < SHORT_STOP_CHANCE and SECOND < nearest < 30 * SECOND
        if is_short or (stop < LONG_STOP_CHANCE and nearest < LONGEST_STOP):
            self.true += max(nearest - self._chance.random() * SECOND, timedelta(0))

    def set_wrong(self) -> str | None:
        """All wall clocks go wrong for a while, if the profile has that. What they do."""
        back, forward = self._profile.clock_back, self._profile.clock_forward
        hours = self._chance.uniform(0.01, 72)
        lasts = timedelta(hours=self._chance.uniform(0.01, 60))
        kind = self._chance.random() * max(back + forward, 1)
        if kind < back:
            self._offset = -timedelta(hours=hours)
        elif kind < back + forward:
            # Beyond 36 hours the system's clock does not follow; see clock.SystemClock.
            self._offset = timedelta(hours=hours / 2)
        else:
            return None
        self._offset_until = self.true + lasts
        return f"the clocks are {self._offset} off until {self._offset_until}"

    def set_right(self) -> None:
        """All wall clocks show the true time from now on."""
        self._offset = timedelta(0)
        self._offset_until = self.true
        self._skew = dict.fromkeys(self._skew, timedelta(0))
        self._profile = Profile("right", skew_seconds=0)

    def _present_offset(self) -> timedelta:
        return self._offset if self.true < self._offset_until else timedelta(0)

    def _skew_of(self, node: str) -> timedelta:
        if node not in self._skew:
            most = self._profile.skew_seconds
            self._skew[node] = timedelta(seconds=self._chance.uniform(-most, most))
        return self._skew[node]


class NodeClock:
    """The clock that one node's real code is given."""

    leap: timedelta | None = None

    def __init__(self, timeline: Timeline, node: str) -> None:
        self._timeline = timeline
        self._node = node

    def now(self) -> datetime:
        """What its wall clock shows."""
        return self._timeline.now(self._node)

    def sleep(self, seconds: float) -> None:
        """That many seconds pass."""
        self._timeline.advance_to(self._timeline.true + timedelta(seconds=seconds))
