"""Proof that the books close: every invariant of `docs/invariants.md`, over the whole database.

Owns looking (`verify`) and mending what entries can mend (`propose_repairs`, `apply_repairs`). It
never edits a row of the ledger, and it does not keep the invariants: that is the business of the
verbs, of guarded statements and of CHECK constraints. The books are how anybody sees that they do.
"""

from sketchmaker.credits.books.repairs import Repair, apply_repairs, propose_repairs
from sketchmaker.credits.books.verification import verify
from sketchmaker.credits.books.violations import Progress, Subject, Violation

__all__ = [
    "Progress",
    "Repair",
    "Subject",
    "Violation",
    "apply_repairs",
    "propose_repairs",
    "verify",
]
