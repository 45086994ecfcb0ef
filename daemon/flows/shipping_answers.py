"""What became of a shipping call, as an outcome of its row: the words that `trace` and the exceptions page show.

done        TikTok has the package; its remark, carrier and further numbers are kept with the row
refused     it must not be sent as it stands
elsewhere   TikTok shows the units under a number that is none of ours
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from daemon.core.carriers import CarrierChoice
from daemon.core.findings import Finding, Refusal
from daemon.core.owed import Done, Refused
from daemon.core.shipments import ShipPlan
from daemon.flows.flow import Attempt


@dataclass(frozen=True, slots=True)
class Sent:
    """What TikTok accepted, and its remark."""

    plan: ShipPlan
    carrier: CarrierChoice
    carrier_in_pipe17: str
    warning: str


def done(
    attempt: Attempt,
    package_id: str,
    reason: str,
    sent: Sent | None = None,
    sent_digest: str = "",
    label_number: str = "",
) -> Done:
    """TikTok has it; what it said about the number is kept with the row and shown by `trace`.

    `label_number`: what stands on a label of TikTok's own. `sent_digest`: what a look-up found sent, which need not be
    the newest wanted state any more.
    """
    findings: tuple[Finding, ...] = ()
    result: dict[str, Any] = {"package_id": package_id}
    if label_number:
        result["label_number"] = label_number
    if sent is not None:
        result |= {
            "carrier": sent.carrier_in_pipe17,
            "provider": sent.carrier.provider_name,
            "how": sent.carrier.how,
            "warning": sent.warning,
        }
        if sent.warning:
            reason = f"{reason}; TikTok remarks: {sent.warning}"
        if sent.plan.other_numbers:
            text = (
                f"the fulfillment has {len(sent.plan.other_numbers) + 1} tracking numbers; TikTok takes the first only"
            )
            findings = (Finding("further_numbers", text, lasting=True),)
    return Done(
        digest=sent_digest or attempt.row.digest,
        remote_id=package_id,
        result=result,
        reason=reason.strip(),
        findings=findings,
    )


def refused(refusal: Refusal, attempt: Attempt) -> Refused:
    """A person must act; the deadline of the order goes along."""
    return Refused(refusal.code, refusal.text, attempt.row.deadline_at_ms)


def elsewhere(attempt: Attempt) -> Refused:
    """Somebody else shipped these units."""
    text = (
        "TikTok shows these units shipped under another number; is a second connector or a person shipping this shop?"
    )
    return Refused("already_shipped_elsewhere", text, attempt.row.deadline_at_ms)
