"""Proof that the books close: every invariant of `docs/invariants.md`, over the whole database.

Owns looking (`verify`), not keeping: the invariants are kept by the verbs, by guarded statements
and by CHECK constraints. The books are how anybody sees that they are.
"""

from sketchmaker.credits.books.verification import verify
from sketchmaker.credits.books.violations import Progress, Subject, Violation

__all__ = ["Progress", "Subject", "Violation", "verify"]
