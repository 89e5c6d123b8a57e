"""In the product, whoever has credits has an account: the foreign keys that say so.

The engine's own tables name an account by its number alone, so that a program with accounts of its
own can embed it.
"""

from sqlalchemy import ForeignKeyConstraint

from sketchmaker.accounts.tables import User
from sketchmaker.credits.tables import GRANTS, HOLDS, LEDGER, SUBSCRIPTIONS
from sketchmaker.credits.tables.side import KEYS

OF_ACCOUNTS = (
    (SUBSCRIPTIONS, "user_id"),
    (SUBSCRIPTIONS, "assigned_by_id"),
    (HOLDS, "user_id"),
    (LEDGER, "user_id"),
    (GRANTS, "user_id"),
    (GRANTS, "granted_by_id"),
    (KEYS, "user_id"),
)
"""The columns of the engine that hold the number of an account."""

for _table, _column in OF_ACCOUNTS:
    _table.append_constraint(ForeignKeyConstraint([_column], [User.id]))
