"""What people and admins ask of the engine: when, how much, and how often it is sent."""

from collections.abc import Callable
from datetime import timedelta

from tests.simulation.admin import Admin
from tests.simulation.history import Operation
from tests.simulation.nodes import Nodes
from tests.simulation.requests import Requests
from tests.simulation.simulation import Simulation
from tests.simulation.studio import Studio
from tests.simulation.world import Violation

DAY_SECONDS = 86_400
MONTH_SECONDS = 30.44 * DAY_SECONDS


class Load:
    """Makes requests and admins' work, much of it within a second of a boundary."""

    def __init__(self, run: Simulation, nodes: Nodes) -> None:
        self._run = run
        self._chance = run.streams.load
        self._requests = Requests(run, nodes)
        self._admin = Admin(run)
        self.studio = Studio(run)

    def begin(self) -> None:
        """From now on something is asked every few days."""
        self._next(self._run.profile.requests_a_month, self._ask)
        if self._run.profile.admin_a_month:
            self._next(self._run.profile.admin_a_month, self._administer)

    def settle_the_unknown(self) -> None:
        """Send again what was cut and has a key."""
        for operation in self._unknown():
            self._requests.send_again(operation)

    def nothing_may_be_unknown(self) -> None:
        """Everything with a key has its answer now.

        Raises:
            Violation: something has none.
        """
        for operation in self._unknown():
            raise Violation(f"{operation.name} is unknown, though it was sent again.")

    def _unknown(self) -> list[Operation]:
        operations, now = self._run.history.operations.values(), self._run.timeline.true
        return [o for o in operations if o.is_unknown and o.may_be_retried(now)]

    def _next(self, a_month: float, event: Callable[[], None]) -> None:
        """Let it happen at some time, often just when some account's cycle changes."""
        moment = self._run.timeline.true + timedelta(
            seconds=self._chance.expovariate(a_month / MONTH_SECONDS)
        )
        if self._chance.random() < self._run.profile.near_boundary:
            now = self._run.timeline.true
            ahead = [at for at in self._run.oracle.boundaries() if at > now + timedelta(seconds=1)]
            within = timedelta(seconds=self._chance.uniform(-1, 1))
            moment = min(ahead, default=moment) + within

        def happen() -> None:
            event()
            self._next(a_month, event)

        self._run.at(moment, happen)

    def _ask(self) -> None:
        self._requests.ask()
        self.studio.maybe_order()

    def _administer(self) -> None:
        self._admin.act()
