"""The design that ours is compared with: a job for each subscription, an ORM transaction a job."""

import threading
import time
from datetime import UTC, datetime, timedelta
from functools import cache

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from benchmarks.people import ALL_DUE
from sketchmaker.credits.rules.cycle import cycle_start
from sketchmaker.credits.tables import SubscriptionPlanModel, UsageHistory, UserSubscription
from sketchmaker.database import Database


def resets_a_second(url: str, *, jobs: int) -> float:
    """Let the stock job store run one job for each of the first so many subscriptions."""
    scheduler = BackgroundScheduler(
        timezone="UTC",
        jobstores={"default": SQLAlchemyJobStore(url=url)},
        executors={"default": ThreadPoolExecutor(1 if url.startswith("sqlite") else 8)},
    )
    left, finished = [jobs], threading.Event()

    def count(_event: object) -> None:
        left[0] -= 1
        if not left[0]:
            finished.set()

    scheduler.start(paused=True)
    scheduler.add_listener(count, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
    due = datetime.now(UTC) - timedelta(seconds=1)
    for number in range(1, jobs + 1):
        scheduler.add_job(
            reset,
            "date",
            run_date=due,
            args=(url, number),
            id=f"credit_reset_{number}",
            misfire_grace_time=None,
            replace_existing=True,
        )
    began = time.monotonic()
    scheduler.resume()
    finished.wait(timeout=600)
    took = time.monotonic() - began
    scheduler.shutdown()
    return jobs / took


def reset(url: str, subscription_id: int) -> None:
    """Reset one subscription the way an application with an ORM would."""
    with _database(url).transaction() as session:
        subscription = session.get_one(UserSubscription, subscription_id)
        plan = session.get_one(SubscriptionPlanModel, subscription.plan_id)
        expired = subscription.credits_remaining
        subscription.credits_remaining = plan.monthly_credits
        subscription.cycle_allowance = plan.monthly_credits
        subscription.credits_used_this_month = 0
        subscription.cycle += 1
        subscription.last_credit_reset = subscription.next_credit_reset
        following = cycle_start(subscription.subscription_start, subscription.cycle + 1)
        subscription.next_credit_reset = following
        session.add(
            UsageHistory(
                user_id=subscription.user_id,
                subscription_id=subscription.id,
                action="monthly_reset",
                credits_used=0,
                credits_delta=plan.monthly_credits - expired,
                balance_after=plan.monthly_credits,
                cycle=subscription.cycle,
                details={"plan": plan.display_name},
                created_at=ALL_DUE,
            )
        )


@cache
def _database(url: str) -> Database:
    return Database(url)
