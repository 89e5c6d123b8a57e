"""A machine of hypothesis that drives the engine and the model of its rules side by side."""

from tests.support.engine_machine.found import add_plans
from tests.support.engine_machine.machine import EngineMachine
from tests.support.engine_machine.stage import START, Tally

__all__ = ["START", "EngineMachine", "Tally", "add_plans"]
