"""What is written down beside a change, in the same transaction.

Owns the outbox: what others must be told. Knows nothing of what the rows are about, and brings
nothing anywhere itself.
"""
