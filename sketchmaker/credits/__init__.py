"""The credit engine: plans, subscriptions, cycles, balances, holds, resets and the ledger.

Owns every change of a balance and the row that explains it. A verb takes `(session, ..., now)`,
does its work in the caller's transaction and never commits.

Does not own: who a user is (`accounts`), when somebody is woken (`scheduling`), what an image costs
or is (`studio`), how an error looks over HTTP (`web`).

`cycle` and `balance` are pure rules; `spending` is the one guarded statement; the other modules are
a family of verbs each.
"""
