"""Both versions of what TikTok changed too late, and what an exception may say of them."""

from __future__ import annotations

from typing import Any

from daemon.core.edits import KEPT, edit_of, told, with_edits
from daemon.core.findings import Finding

FOUND = Finding("edited_after_ship", "address changed at TikTok after a shipment")
ADDRESS = {"firstName": "Ada", "address1": "18 Larch Road", "city": "Tacoma", "email": "a@example.test"}
CURRENT: dict[str, Any] = {"shippingAddress": ADDRESS, "lineItems": [{"uniqueId": "1", "quantity": 2}]}


def test_an_edit_holds_the_members_that_differ_and_no_other() -> None:
    wanted = {"shippingAddress": {**ADDRESS, "address1": "3 Elm Row", "address2": "Flat 1"}, "lineItems": []}
    edit = edit_of(FOUND, CURRENT, wanted, 7)
    assert edit == {
        "code": "edited_after_ship",
        "at_ms": 7,
        "members": ["address1", "address2", "quantity of line 1"],
        "before": {"address1": "18 Larch Road", "address2": "", "quantity of line 1": 2},
        "after": {"address1": "3 Elm Row", "address2": "Flat 1", "quantity of line 1": ""},
    }


def test_an_address_that_tiktok_masks_is_no_version() -> None:
    edit = edit_of(FOUND, CURRENT, {**CURRENT, "shippingAddress": {**ADDRESS, "address1": "18 *****"}}, 7)
    assert edit["members"] == []
    assert "nothing that both sides show" in told(FOUND, edit, "576").text


def test_the_finding_names_members_and_where_to_look_and_stays() -> None:
    edit = edit_of(FOUND, CURRENT, {**CURRENT, "shippingAddress": {**ADDRESS, "address1": "3 Elm Row"}}, 7)
    finding = told(FOUND, edit, "576")
    assert finding.lasting
    assert "address1" in finding.text
    assert "trace 576 --personal" in finding.text
    assert not any(word in finding.text for word in ("Elm", "Larch"))


def test_edits_are_kept_up_to_a_number() -> None:
    assert with_edits({"document": {}}, None, ()) == {"document": {}}
    result: dict[str, Any] = {}
    for number in range(KEPT + 3):
        result = with_edits({"document": {}}, result, [number])
    assert result == {"document": {}, "edits": list(range(3, KEPT + 3))}
