"""The studio: what may be asked for, generations, providers, and the pictures that come of them.

Owns the tables `generations` and `images`, the files of the pictures, and the work between a
request and its pictures. A generation holds its credits before the work begins and ends, in one
transaction, by settling them for what was really delivered or by releasing them.

Does not own: balances (`credits`), who a person is (`accounts`), when abandoned work is looked for
(`scheduling`), how a picture is shown (`web`).

Verbs take `(session, ..., now)` and never commit. `worker` is an edge: it reads the clock and opens
transactions, and none of them is open while a provider works.
"""
