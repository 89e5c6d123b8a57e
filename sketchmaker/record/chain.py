"""The chain over the trail: each entry's hash covers the entry and the hash before it.

An entry as JSON is what is hashed, exported and verified. `docs/verify_audit.py` says the same once
more, without any code of ours.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import RowMapping

Entry = dict[str, Any]

ERASABLE: Final = {
    "actor": ("actor_name", "actor_address"),
    "subject": ("subject_name", "reason"),
}
"""What can be erased, and is covered by the hash only through the digest of its group."""

_NOT_HASHED: Final = frozenset(
    {"hash"}
    | {f"{group}_salt" for group in ERASABLE}
    | {word for words in ERASABLE.values() for word in words}
)


def entry_of(row: RowMapping) -> Entry:
    """A row of the trail as its JSON has it."""
    entry = {str(name): value for name, value in row.items() if name != "id"}
    at: datetime = entry["at"]
    return {**entry, "at": at.astimezone(UTC).isoformat(timespec="microseconds")}


def hash_of(entry: Entry) -> str:
    """The hash of an entry that has its number and the hash before it."""
    return _sha256({name: value for name, value in entry.items() if name not in _NOT_HASHED})


def digest_of(group: str, entry: Mapping[str, Any]) -> str:
    """The digest of an entry's erasable words of one group, with their salt."""
    return _sha256([entry[f"{group}_salt"], *(entry[word] for word in ERASABLE[group])])


class Chain:
    """Follows a chain from its first entry, and says what is wrong with each that comes.

    `length` is the number of the last entry that came, `last_hash` its hash.
    """

    def __init__(self) -> None:
        self.length = 0
        self.last_hash: str | None = None
        self.erased = 0

    def follow(self, entry: Entry) -> Iterator[str]:
        """Take the next entry; yields a sentence for each thing that is wrong with it."""
        number = entry["sequence"]
        if number != self.length + 1:
            yield f"Number {self.length + 1} is missing: number {number} comes in its place."
        elif entry["previous_hash"] != self.last_hash:
            yield f"Number {number} does not follow number {number - 1}: another hash was before."
        if hash_of(entry) != entry["hash"]:
            yield f"Number {number} was changed."
        for group in ERASABLE:
            if self._is_altered(group, entry):
                yield f"Number {number} was changed: {' or '.join(ERASABLE[group])}."
        self.length, self.last_hash = number, entry["hash"]

    def _is_altered(self, group: str, entry: Entry) -> bool:
        if entry[f"{group}_salt"] is not None:
            return bool(digest_of(group, entry) != entry[f"{group}_digest"])
        self.erased += 1
        return any(entry[word] is not None for word in ERASABLE[group])


def canonical(value: object) -> str:
    """The one way to write a value as JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _sha256(value: object) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
