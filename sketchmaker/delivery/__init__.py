"""Works off the outbox: brings events out of the house, after the commit, at least once.

Owns the deliverers and how often each tries. What is to be delivered, and what became of it, is the
outbox's. Nothing here is done within a transaction.
"""
