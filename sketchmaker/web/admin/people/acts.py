"""Every act that the console knows."""

from collections.abc import Mapping
from typing import Final

from sketchmaker.web.admin.people.act import Act
from sketchmaker.web.admin.people.credit_acts import AddCredits, SetCredits, TakeBack, UndoGrant
from sketchmaker.web.admin.people.plan_acts import (
    CancelChange,
    ChangePlan,
    EndPlan,
    ForceReset,
    MoveReset,
    ResumeResets,
    SuspendResets,
)

ACTS: Final[Mapping[str, type[Act]]] = {
    act.name: act
    for act in (
        AddCredits,
        SetCredits,
        TakeBack,
        ChangePlan,
        EndPlan,
        CancelChange,
        ForceReset,
        MoveReset,
        SuspendResets,
        ResumeResets,
        UndoGrant,
    )
}
"""Every act by the name that its form has in addresses."""
