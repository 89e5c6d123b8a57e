"""The credit engine: plans, subscriptions, cycles, balances, holds, resets and the ledger.

Owns every change of a balance and the row that explains it. A verb takes `(session, ..., now)`,
does its work in the caller's transaction and never commits.

Does not own: who a user is (`accounts`), when somebody is woken (`scheduling`), what an image costs
or is (`studio`), how an error looks over HTTP (`web`).

Rooms, from below: `rules` (pure), `tables`, `rows`, `resets`, `grants`, `hold_ends`, `present` and
`reading`, `spending`, `managing`, `books` and `desk`. Imports go down only. `cycle` is
the published name of the rule of dates.
"""
