"""Verbs by which admins, and people themselves, change what somebody has: plans, grants, dates.

Each brings the subscription up to `now` first, changes it by a rule and appends its ledger row.
"""
