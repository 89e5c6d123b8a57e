"""How each kind of ledger row changes an account, and what it must say to be believed."""

from collections.abc import Callable
from datetime import datetime

from tests.simulation.model import ALLOWANCE, DAY, Account, Grant, Hold, Row
from tests.simulation.world import Violation

BY_HAND_A_DAY = 2


def fold(account: Account, row: Row) -> None:
    """Take one ledger row into the account.

    Raises:
        Violation: the row does not follow from what the account was.
    """
    booked = account.of_allowance + account.held, account.bonus + account.bonus_held
    RULES.get(row["action"], _spending)(account, row)
    deltas = (
        account.of_allowance + account.held - booked[0] + account.bonus + account.bonus_held
        - booked[1]
    ), account.bonus + account.bonus_held - booked[1]  # fmt: skip
    said = row["credits_delta"], row["bonus_delta"]
    if said != deltas:
        raise Violation(f"A {row['action']} row says {said}, the books changed by {deltas}.")
    if account.spent > account.ceiling:
        raise Violation(
            f"Cycle {account.cycle} gave {account.spent} credits; {account.ceiling} is the most."
        )


def fold_hold(account: Account, row: Row) -> None:
    """Take a new hold into the account.

    Raises:
        Violation: the credits were not there.
    """
    parts = [(grant, n) for grant, n in row["parts"] or [(ALLOWANCE, row["credits_held"])]]
    _must(row["cycle"] == account.cycle, "The hold belongs to another cycle than the present one.")
    account.take(parts, row["created_at"])
    for grant, n in parts:
        if grant is not ALLOWANCE:
            account.grants[grant].held += n
    account.holds[row["id"]] = Hold(row["cycle"], parts, row["credits_held"], row["expires_at"])


def _start(account: Account, row: Row) -> None:
    account.allowance = account.largest = account.plans[account.plan]
    account.last_reset = row["created_at"]


def _reset(account: Account, row: Row) -> None:
    details = row["details"]
    due_at = datetime.fromisoformat(details["due_at"])
    is_skipped = details.get("skipped", False)
    plan = account.next_plan or account.plan
    granted = 0 if is_skipped else account.plans[plan]
    _must(row["cycle"] == account.cycle + 1, f"After cycle {account.cycle} came {row['cycle']}.")
    _must(due_at == account.next_boundary, f"Due was {account.next_boundary}, not {due_at}.")
    _must(row["created_at"] >= due_at, f"A reset came before it was due, at {row['created_at']}.")
    _must(details["granted"] == granted, f"{details['granted']} were granted, not {granted}.")
    _must(details["expired"] == account.of_allowance, "Another number expired than was left.")
    _must(not (is_skipped and account.is_active), "A reset was skipped while active.")
    if not account.is_active and not is_skipped:
        account.granted_while_away += 1
        _must(account.granted_while_away == 1, "Time away brought more than one allowance.")
    account.begin_cycle(plan, granted, due_at)


def _plan(account: Account, row: Row) -> None:
    details = row["details"]
    _must(account.is_active, "The plan of an inactive subscription changed.")
    if details["when"] == "cancelled":
        account.next_plan = None
    elif details["when"] == "next_reset":
        account.next_plan = None if details["to"] == account.plan else details["to"]
    else:
        account.on_plan(details["to"])


def _restart(account: Account, row: Row) -> None:
    _must(account.is_active, "An inactive subscription was restarted.")
    _given_by_hand(account, row["created_at"])
    plan = row["details"]["to"]
    account.begin_cycle(plan, account.plans[plan], row["created_at"])
    account.anchor, account.first = row["created_at"], account.cycle


def _force(account: Account, row: Row) -> None:
    now = row["created_at"]
    _must(account.is_active, "An inactive subscription was reset by force.")
    _given_by_hand(account, now)
    account.allowance = account.plans[account.plan]
    account.refills += 1
    account.used = account.revoked = account.bonus_used = 0
    account.last_reset = max(now, account.last_reset or now)


def _given_by_hand(account: Account, now: datetime) -> None:
    account.by_hand.append(now)
    lately = [at for at in account.by_hand if now - DAY < at <= now]
    _must(len(lately) <= BY_HAND_A_DAY, f"Given by hand {len(lately)} times in 24 hours.")


def _deactivate(account: Account, _row: Row) -> None:
    _must(account.is_active, "An inactive subscription was ended.")
    account.is_active, account.next_plan = False, None
    account.granted_while_away = 0


def _reactivate(account: Account, row: Row) -> None:
    _must(not account.is_active, "An active subscription was taken up again.")
    _must(account.next_boundary > row["created_at"], "It came back into a cycle that was over.")
    account.is_active = True


def _revoke(account: Account, row: Row) -> None:
    revoked = row["details"]["revoked"]
    _must(0 <= revoked <= account.of_allowance, f"{revoked} credits were revoked: not there.")
    account.revoked += revoked


def _grant(account: Account, row: Row) -> None:
    expires_at = row["details"]["expires_at"]
    expiry = datetime.fromisoformat(expires_at) if expires_at else None
    account.grants[row["details"]["grant"]] = Grant(row["credits_delta"], expiry)


def _expire(account: Account, row: Row) -> None:
    grant = account.grants[row["details"]["grant"]]
    _must(grant.is_over(row["created_at"]), "A grant ended before its time.")
    _must(grant.remaining == row["details"]["expired"], "Another number expired than was left.")
    grant.remaining = 0


def _spending(account: Account, row: Row) -> None:
    if row["hold_id"] is None:
        _charge(account, row)
    else:
        _end(account, row)


def _charge(account: Account, row: Row) -> None:
    of_grants = [(grant, n) for grant, n in row["details"].get("grants", [])]
    rest = row["credits_used"] - sum(n for _, n in of_grants)
    expected = [*of_grants, *([(ALLOWANCE, rest)] if rest else [])]
    now = row["created_at"]
    # The row names grants only; the allowance's place among them is the rule's.
    parts = account._allocated(row["credits_used"], now)
    _must(sorted(parts, key=_grant_first) == sorted(expected, key=_grant_first), "Burn order.")
    _must(row["cycle"] == account.cycle, "A charge names another cycle than the present one.")
    _must("outcome" not in row["details"], "A hold ended with a row that does not name it.")
    account.take(parts, now)
    account.use(parts, in_cycle=True)


def _end(account: Account, row: Row) -> None:
    hold = account.holds.get(row["hold_id"])
    if hold is None:
        raise Violation(f"Hold {row['hold_id']} ended, but was not pending.")
    _must(row["cycle"] == hold.cycle, "The end of a hold names another cycle than the hold's.")
    if row["details"]["outcome"] == "expired":
        _must(hold.expires_at <= row["created_at"], "A hold expired before its time.")
    del account.holds[row["hold_id"]]
    used, back = _split(hold.parts, row["credits_used"])
    account.use(used, in_cycle=hold.cycle == account.cycle)
    for grant_id, n in used:
        if grant_id is not ALLOWANCE:
            account.grants[grant_id].held -= n
    for grant_id, n in back:
        if grant_id is not ALLOWANCE:
            grant = account.grants[grant_id]
            grant.held -= n
            grant.remaining += 0 if grant.is_over(row["created_at"]) else n


def _split(
    parts: list[tuple[int | None, int]], credits: int
) -> tuple[list[tuple[int | None, int]], list[tuple[int | None, int]]]:
    used, back = [], []
    for source, n in parts:
        taken = min(n, credits)
        credits -= taken
        used.append((source, taken))
        back.append((source, n - taken))
    return used, back


def _grant_first(part: tuple[int | None, int]) -> tuple[bool, int]:
    return part[0] is ALLOWANCE, part[0] or 0


def _must(holds: object, otherwise: str) -> None:
    if not holds:
        raise Violation(otherwise)


RULES: dict[str, Callable[[Account, Row], None]] = {
    "subscription_started": _start,
    "monthly_reset": _reset,
    "plan_changed": _plan,
    "cycle_restarted": _restart,
    "force_reset": _force,
    "subscription_deactivated": _deactivate,
    "subscription_reactivated": _reactivate,
    "manual_adjustment": _revoke,
    "credits_granted": _grant,
    "grant_expired": _expire,
}
