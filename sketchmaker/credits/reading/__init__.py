"""What people are shown: a statement computed for `now`, and a sentence for each ledger row.

Nothing here writes.
"""
