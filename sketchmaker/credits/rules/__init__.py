"""The rules of dates, balances and amounts: pure functions, errors and the words of the ledger.

They import nothing of ours outside this room, read no clock and touch no database.
"""
