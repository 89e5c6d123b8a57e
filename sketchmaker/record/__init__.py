"""What is written down beside a change, in the same transaction: who made it, and who is told.

Words: an *actor* is who changes something, in what role, through what and from where. A *subject*
is what was changed. An *entry* is one change in the audit trail. *Sealed* entries have a number and
a hash that covers the entry before, so that none can be changed or removed without a trace.

Owns the audit trail, and the outbox: what others must be told. An entry and its change are there
together or not at all. Knows nothing of accounts, credits or pages: it keeps the names that it is
given and refers to no row of theirs, so that nobody is kept from leaving; and it brings nothing
anywhere itself.
"""
