"""For `flask shell`, as the setup guide shows: `from services.scheduler import …`."""

from sketchmaker.bootstrap import process_system

subscription_scheduler = process_system().scheduler
