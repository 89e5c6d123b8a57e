"""How often something may be done, by whom and in which time: one table for all of it.

Words: an *action* is what is limited. A *use* is one time that it was done. A *limit* allows so
many uses within a period; it counts those of one account, one address, or everybody together. With
a *backoff*, each use beyond them is let through after a wait that doubles.

Owns the table `limit_uses`, in which all processes count together; rows older than a day are
forgotten. `rules.DECLARED` has the numbers, the setting SKETCHMAKER_LIMITS changes them. What an
action is, and when it is counted, belongs to the context whose action it is.
"""
