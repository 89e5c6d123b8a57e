"""People ask for more credits, and admins answer.

Words: a *wish* is one sentence of one person; it is *open* until an admin grants credits or says
no. A person has one open wish at the most. Owns the table of wishes and no credits: what is granted
is a grant like any other.
"""
