"""Is this installation well? For monitors, in JSON."""

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from sketchmaker.database import DatabaseUnavailable
from sketchmaker.scheduling.health import scheduler_health
from sketchmaker.web.access import public
from sketchmaker.web.parts import parts

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def show() -> ResponseReturnValue:
    """200 when the database answers and resets are being done, else 503. Nothing about people."""
    report = _report()
    return jsonify(report), 200 if report["status"] == "ok" else 503


def _report() -> dict[str, Any]:
    now = parts().clock.now()
    try:
        with parts().database.reading() as session:
            health = scheduler_health(session, now=now)
    except DatabaseUnavailable:
        return {"status": "down", "database": "unavailable"}
    beat = health.last_heartbeat
    has_leapt = parts().clock.leap is not None
    alarms = [f"{reset.job_id}: {reset.error}" for reset in health.set_aside if reset.is_alarm]
    is_well = health.is_alive and not health.overdue and not has_leapt and not alarms
    return {
        "status": "ok" if is_well else "degraded",
        "database": "ok",
        "clock": "leapt ahead, restart after checking it" if has_leapt else "ok",
        "scheduler": {
            "alive": health.is_alive,
            "last_heartbeat": beat.isoformat() if beat else None,
            "processes": len(health.processes),
        },
        "overdue_resets": health.overdue,
        "resets_set_aside": len(health.set_aside),
        "alarms": alarms,
    }
