"""Which statement fails, and how: each kind of fault from a stream of its own."""

from collections import Counter

from tests.simulation.world import Profile, Streams


class Faults:
    """The faults of one run; `counted` says how many of each kind there were."""

    def __init__(self, streams: Streams, profile: Profile, dialect: str) -> None:
        self.are_on = True
        self.counted: Counter[str] = Counter()
        self._profile = profile
        self._dialect = dialect
        self._chance = {
            kind: streams.stream(f"fault {kind}")
            for kind in ("crash", "error", "conflict", "commit", "crash at commit")
        }

    def at_statement(self, text: str) -> str | None:
        """What goes wrong with this statement, if anything: `crash`, `full`, `busy`, ..."""
        kind = self._drawn(text)
        if kind is None or not self.are_on:
            return None
        self.counted[kind] += 1
        return kind

    def at_commit(self) -> str | None:
        """What goes wrong with this commit: `cut before` it, `cut after` it, `crash` after it."""
        chance = self._chance["commit"].random()
        dies = self._chance["crash at commit"].random() < self._profile.crash * 3
        before = self._profile.cut_before_commit
        kind = None
        if chance < before:
            kind = "cut before"
        elif chance < before + self._profile.cut_after_commit:
            kind = "cut after"
        elif dies:
            kind = "crash"
        if kind is None or not self.are_on:
            return None
        self.counted[kind] += 1
        return kind

    def _drawn(self, text: str) -> str | None:
        crash = self._chance["crash"].random() < self._profile.crash
        error = self._chance["error"].random() < self._profile.statement_error
        conflict = self._chance["conflict"].random() < self._profile.conflict
        if crash:
            return "crash"
        if self._dialect == "postgresql":
            if conflict and text.startswith(("INSERT", "UPDATE", "WITH", "DELETE")):
                return "conflict"
            return "lost" if error else None
        if conflict and text.startswith("BEGIN"):
            return "busy"
        return "full" if error and text.startswith(("INSERT", "UPDATE")) else None
