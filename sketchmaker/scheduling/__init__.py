"""Waking up in time: APScheduler at the edge, over the rows that are the schedule.

Owns the job store that shows `user_subscriptions` as jobs, the runner that resets what is due, the
housekeeper with its heartbeat, and the health they report.

Does not own: when a subscription is due or what a reset does (`credits`). Nothing here holds truth:
kill it at any moment and start it anywhere, and no reset is lost or doubled.
"""
