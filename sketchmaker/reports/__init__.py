"""Reading across contexts: lists, totals and, later, rollups and exports. Nothing here writes.

A report may join what belongs to accounts, credits and the studio; the contexts themselves may not.
"""
