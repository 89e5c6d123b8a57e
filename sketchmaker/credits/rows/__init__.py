"""Single rows under the verbs: a subscription's state, the ledger, plans, remembered answers.

A verb reads a row here under its lock and writes it back together with the ledger row that explains
the change. Nothing here brings a subscription up to the present; `present` does that.
"""
