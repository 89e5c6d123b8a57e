"""Verbs by which people spend: charge at once, hold and settle, and refund what was taken.

Spending is one guarded statement (`guarded`): it never reads, decides and then writes.
"""
