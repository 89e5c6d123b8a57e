"""The rules of credits once more, in plain Python: what the engine is held against.

Nothing here is taken from the engine. Months are added by dateutil, credits are kept in lists, and
every number is summed up anew when it is asked for: slow, obvious, and if wrong, then differently.

`account` has the rules. `person` asks them as people do: whatever is due comes first, and a refusal
changes nothing; the stateful test lives by it. `books` follows the rows of a ledger and says which
of them could not have come of the rules; the simulation watches by it.
"""

from tests.support.credit_model.account import Account
from tests.support.credit_model.books import Books, NotByTheRules
from tests.support.credit_model.parts import (
    ALLOWANCE,
    DEFAULT_PLAN,
    NEVER,
    PLANS,
    End,
    Grant,
    Hold,
    Refused,
    Spend,
)
from tests.support.credit_model.person import Person

__all__ = [
    "ALLOWANCE",
    "DEFAULT_PLAN",
    "NEVER",
    "PLANS",
    "Account",
    "Books",
    "End",
    "Grant",
    "Hold",
    "NotByTheRules",
    "Person",
    "Refused",
    "Spend",
]
