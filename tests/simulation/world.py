"""What one seed decides: streams of chance, the profile of a run, and the trace of what happened.

Each concern draws from a stream of its own, so that one fault more does not shift the schedule.
"""

import hashlib
from collections import deque
from dataclasses import dataclass, field
from random import Random

KEPT_LINES = 60


class Violation(AssertionError):
    """The engine broke a rule. The text says which, and where."""


class OutOfSteps(BaseException):
    """The run was to end at this step; no code under test may catch it."""


@dataclass(frozen=True)
class Profile:
    """What a run is like; rates are chances for each statement, commit, request or account-month.

    `swarm` draws for each seed which kinds of fault there are at all: a world with every fault at
    once hides what a world with one of them shows.
    """

    name: str
    swarm: bool = False
    accounts: int = 3
    days: int = 366
    requests_a_month: float = 6
    admin_a_month: float = 1.5
    near_boundary: float = 0.45
    crash: float = 0.004
    statement_error: float = 0.003
    conflict: float = 0.01
    cut_before_commit: float = 0.02
    cut_after_commit: float = 0.04
    duplicate: float = 0.25
    late: float = 0.3
    outage: float = 0.25
    clock_back: float = 0.3
    clock_forward: float = 0.2
    skew_seconds: float = 5

    @property
    def is_faultless(self) -> bool:
        """Does nothing go wrong in it?"""
        return not (self.crash or self.statement_error or self.cut_after_commit)


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("swarm", swarm=True),
        Profile("everything"),
        Profile(
            "calm", crash=0, statement_error=0, conflict=0, cut_before_commit=0,
            cut_after_commit=0, outage=0, clock_back=0, clock_forward=0, skew_seconds=0,
        ),
        Profile("clock-back", clock_back=1, clock_forward=0),
        Profile("clock-forward", clock_back=0, clock_forward=1),
        Profile("outage", outage=1, requests_a_month=3),
        Profile("cuts", cut_before_commit=0.08, cut_after_commit=0.15, late=0.6),
        Profile("crowd", accounts=2, requests_a_month=60, near_boundary=0.6, days=124),
        Profile("admins", admin_a_month=8),
    )
}  # fmt: skip

SWARMED = (
    "crash", "statement_error", "conflict", "cut_before_commit", "cut_after_commit", "outage",
    "clock_back", "clock_forward", "skew_seconds", "admin_a_month",
)  # fmt: skip


class Streams:
    """The seed's streams of chance."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.schedule = self.stream("schedule")
        self.load = self.stream("load")
        self.clock = self.stream("clock")

    def stream(self, name: str) -> Random:
        """The stream of that name, from its beginning."""
        return Random(f"{self._seed}/{name}")

    def drawn(self, profile: Profile) -> Profile:
        """The profile, with those kinds of trouble that this seed leaves out set to none."""
        if not profile.swarm:
            return profile
        chance = self.stream("swarm")
        absent = [name for name in SWARMED if chance.random() < 0.4]
        values = {**vars(profile), **dict.fromkeys(absent, 0)}
        return Profile(**values)


@dataclass
class Trace:
    """Everything that happened, as a hash; and the last lines, to be read."""

    until: int | None = None
    steps: int = 0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def step(self, actor: str, what: str, at: str) -> None:
        """Another step of an actor.

        Raises:
            OutOfSteps: the run was to go no further.
        """
        self.steps += 1
        self.note(f"{self.steps} {at} {actor}: {what}")
        if self.until is not None and self.steps >= self.until:
            raise OutOfSteps

    def note(self, line: str) -> None:
        """Something that is no step, like an answer."""
        self._hash.update(line.encode())
        self.lines.append(line if len(line) < 200 else f"{line[:197]}...")

    @property
    def digest(self) -> str:
        """Equal for equal runs."""
        return self._hash.hexdigest()[:16]
