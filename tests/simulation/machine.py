"""Many actors in one thread: each runs until its next statement, then chance picks who goes on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from greenlet import getcurrent, greenlet

from tests.simulation.world import OutOfSteps, Trace, Violation

MOST_STEPS = 500
"""Statements that one operation may need. Beyond that it is taken for a livelock."""


class ProcessDied(BaseException):
    """Thrown into an actor: its process is gone, and nothing of it may go on."""


@dataclass(eq=False)
class Actor:
    """Work that runs a statement at a time, on one account or (None) on any."""

    name: str
    account: int | None
    work: Callable[[], None]
    greenlet: greenlet = field(init=False)
    steps: int = 0
    is_dead: bool = False
    waits_for: object = None


class Waits(Protocol):
    """The driver's part: who of those that wait for a lock can go on?"""

    def awakened(self, waiting: list[Actor]) -> list[Actor]:
        """Those of the waiting whose statement has been answered, or may be tried again."""
        ...

    def abandon(self, waiting: list[Actor]) -> None:
        """The run ends: free those that still wait."""
        ...


class Machine:
    """Runs the actors, one statement at a time."""

    def __init__(self, schedule: Random, trace: Trace, moment: Callable[[], str]) -> None:
        self.trace = trace
        self.current: Actor | None = None
        self.ready: list[Actor] = []
        self.waiting: list[Actor] = []
        self.has_committed = False
        self.has_released = False
        self._schedule = schedule
        self._moment = moment
        self._hub = getcurrent()
        self.room: int | None = None
        self._queued: list[Actor] = []
        self._failure: BaseException | None = None
        self.is_closing = False
        self.waits: Waits | None = None

    @property
    def is_idle(self) -> bool:
        """Is nobody at work?"""
        return not self.ready and not self.waiting and not self._queued

    def spawn(self, name: str, account: int | None, work: Callable[[], None]) -> None:
        """Let another actor begin, as soon as there is room on its account."""
        actor = Actor(name, account, work)
        actor.greenlet = greenlet(lambda: self._live(actor))
        self._queued.append(actor)
        self._admit()

    def run_one(self) -> None:
        """Let one actor go on to its next statement.

        Raises:
            Violation: what the actor found, or that nobody can go on.
        """
        self.wake()
        if not self.ready:
            names = ", ".join(actor.name for actor in self.waiting)
            raise Violation(f"Everybody waits for somebody else: {names}.")
        actor = self._schedule.choice(self.ready)
        self._switch_to(actor)
        if actor.greenlet.dead:
            self.ready.remove(actor)
            self._admit()
        if self._failure is not None:
            raise self._failure

    def pause(self, what: str) -> None:
        """Called by an actor before whatever others could come between."""
        actor = self.current
        if actor is None or self.is_closing:
            return
        if actor.is_dead:
            raise ProcessDied
        self._count(actor)
        self.trace.step(actor.name, what, self._moment())
        self._hub.switch()

    def park(self, waits_for: object) -> None:
        """Called by an actor whose statement has to wait for another's transaction."""
        actor = self.current
        if actor is None or self.is_closing:
            raise Violation("Only an actor can wait, while the world turns.")
        self._count(actor)
        actor.waits_for = waits_for
        self.ready.remove(actor)
        self.waiting.append(actor)
        self.trace.step(actor.name, "waits", self._moment())
        self._hub.switch()

    def die(self) -> None:
        """The process of the present actor dies, here and now."""
        if self.current is not None:
            self.current.is_dead = True
            self.trace.note(f"{self.current.name} dies")
        raise ProcessDied

    def fail(self, violation: Violation) -> None:
        """Called by an actor that found something wrong: the hub raises it."""
        self._failure = self._failure or violation
        self._hub.switch()

    def close(self) -> None:
        """Throw everybody out who is still at work."""
        self.is_closing = True
        if self.waits is not None:
            self.waits.abandon(self.waiting)
        for actor in [*self.ready, *self.waiting]:
            self.current = actor
            if actor.greenlet and not actor.greenlet.dead:
                actor.greenlet.throw(ProcessDied)
        self.current = None
        self.ready, self.waiting = [], []

    def _admit(self) -> None:
        for actor in list(self._queued):
            near = [a for a in [*self.ready, *self.waiting] if _may_meet(a, actor)]
            if self.room is None or len(near) < self.room:
                self._queued.remove(actor)
                self.ready.append(actor)

    def _count(self, actor: Actor) -> None:
        actor.steps += 1
        if actor.steps > MOST_STEPS:
            self.fail(Violation(f"{actor.name} needs more than {MOST_STEPS} steps: a livelock."))

    def wake(self) -> None:
        """Let those go on whose lock is free now."""
        if not self.waiting or self.waits is None:
            return
        for actor in self.waits.awakened(list(self.waiting)):
            self.waiting.remove(actor)
            self.ready.append(actor)

    def _switch_to(self, actor: Actor) -> None:
        self.current = actor
        actor.greenlet.switch()
        self.current = None

    def _live(self, actor: Actor) -> None:
        try:
            actor.work()
        except ProcessDied:
            return
        except (Violation, OutOfSteps) as error:  # a greenlet has nobody above: the hub raises it
            self._failure = self._failure or error
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody expected it
            self._failure = self._failure or Violation(f"{actor.name} broke with {error!r}.")


def _may_meet(one: Actor, other: Actor) -> bool:
    return one.account is None or other.account is None or one.account == other.account
