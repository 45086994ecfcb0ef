"""A small organisation for the tests of the simulated Pipe17: a clock set by hand, calls as JSON, the contract."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import jsonschema
import yaml

from daemon.core.jsontext import dumps
from daemon.sandbox.faults import Fault, Faults
from daemon.sandbox.pipe17 import Pipe17Options, Pipe17Sandbox
from daemon.sandbox.wire import Call, Reply

START_MS = 1_741_108_202_417
"""2025-03-04T17:10:02.417Z"""

MINUTE_MS = 60_000

ADA = {
    "firstName": "Ada",
    "lastName": "Nwosu",
    "address1": "18 Larch Road",
    "address2": "Flat 2",
    "city": "Tacoma",
    "stateOrProvince": "WA",
    "zipCodeOrPostalCode": "98402",
    "country": "US",
    "email": "relay-8841@buyers.example",
    "phone": "+12535550114",
}
MUG = "577000111222333501"
TEA = "577000111222333502"
ORDER: dict[str, Any] = {
    "extOrderId": "577000111222333444",
    "extOrderApiId": "577000111222333444",
    "status": "new",
    "orderSource": "TikTok Shop",
    "orderSourceType": "online",
    "currency": "USD",
    "extOrderCreatedAt": "2025-03-04T17:05:11.000Z",
    "extOrderUpdatedAt": "2025-03-04T17:09:40.000Z",
    "shipByDate": "2025-03-06T23:59:59.000Z",
    "paymentStatus": "paid",
    "payments": [{"method": "marketplace", "status": "succeeded", "amount": Decimal("70.87"), "currency": "USD"}],
    "subTotalPrice": Decimal("61.0"),
    "orderDiscount": 0,
    "orderTax": Decimal("4.88"),
    "shippingPrice": Decimal("4.99"),
    "totalPrice": Decimal("70.87"),
    "shippingCarrier": "USPS",
    "shippingClass": "Ground Advantage",
    "requireShippingLabels": False,
    "customer": {"extCustomerId": "7494000000001", "firstName": "Ada", "lastName": "Nwosu", "type": "individual"},
    "shippingAddress": ADA,
    "lineItems": [
        {"uniqueId": MUG, "sku": "MUG-BLUE", "name": "Blue mug", "quantity": 2, "itemPrice": 24, "itemDiscount": 2},
        {"uniqueId": TEA, "sku": "TEA-KIT", "name": "Tea kit (bundle)", "quantity": 1, "itemPrice": 15},
    ],
    "tags": ["channel:tiktok"],
    "customFields": [{"name": "shop_id", "value": "7495000000042"}],
}
EXT = ORDER["extOrderId"]


def order(ext_order_id: str = EXT, **changes: Any) -> dict[str, Any]:
    """The fixture order under another number, with members changed."""
    return {**ORDER, "extOrderId": ext_order_id, "extOrderApiId": ext_order_id, **changes}


@dataclass
class HandClock:
    """Time moves when a test says so."""

    at_ms: int = START_MS
    offset_ms: int = 0

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1000

    def correct(self, offset_ms: int) -> None:
        self.offset_ms = offset_ms


@dataclass
class Org:
    """One sandbox and the calls of its channel key."""

    options: Pipe17Options = field(default_factory=Pipe17Options)
    seed: int = 7
    clock: HandClock = field(default_factory=HandClock)
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.sandbox = Pipe17Sandbox(self.clock, Random(self.seed), self.faults, self.options)

    def wait(self, ms: int) -> None:
        self.clock.at_ms += ms

    def send(self, method: str, path: str, body: Any = None, query: Any = (), **headers: str) -> Reply:
        sent = {"x-pipe17-key": self.options.api_key, "content-type": "application/json", **headers}
        raw = b"" if body is None else dumps(body).encode()
        pairs = tuple(query.items()) if isinstance(query, dict) else tuple(query)
        return self.sandbox.handle(Call(method, "/api/v3" + path, pairs, sent, raw))

    def call(self, method: str, path: str, body: Any = None, query: Any = ()) -> tuple[int, dict[str, Any]]:
        reply = self.send(method, path, body, query)
        answer: dict[str, Any] = json.loads(reply.body, parse_float=Decimal)
        return reply.status, answer

    def create(self, ext_order_id: str = EXT, **changes: Any) -> dict[str, Any]:
        status, answer = self.call("POST", "/orders", order(ext_order_id, **changes))
        assert status == 200, answer
        created: dict[str, Any] = answer["order"]
        return created

    def update(self, order_id: str, **changes: Any) -> tuple[int, dict[str, Any]]:
        return self.call("PUT", f"/orders/{order_id}", changes)

    def get(self, ext_order_id: str = EXT) -> dict[str, Any]:
        status, answer = self.call("GET", "/orders/" + quote(f"ext:{ext_order_id}", safe=""))
        assert status == 200, answer
        found: dict[str, Any] = answer["order"]
        return found

    def list(self, entity: str, **query: Any) -> list[dict[str, Any]]:
        status, answer = self.call("GET", f"/{entity}", query={name: str(value) for name, value in query.items()})
        assert status == 200, answer
        rows: list[dict[str, Any]] = answer[entity]
        return rows

    def routed(self, ext_order_id: str = EXT, **changes: Any) -> str:
        """A new order that has its shipping requests; its Pipe17 id."""
        order_id: str = self.create(ext_order_id, **changes)["orderId"]
        self.wait(2_000)
        return order_id

    def sent(self, ext_order_id: str = EXT, **changes: Any) -> str:
        """A new order whose only shipping request a warehouse has; the id of the request."""
        order_id = self.routed(ext_order_id, **changes)
        return self.sandbox.send_shipments(order_id)[0]

    def fail(self, **fault: Any) -> None:
        self.faults.add(Fault(**fault))


CONTRACT: dict[str, Any] = yaml.safe_load((Path(__file__).parent.parent / "contracts" / "pipe17.yaml").read_text())


def schema(name: str) -> dict[str, Any]:
    """The JSON schema of a shape of the contract; the empty one for what is only a guess."""
    shape = CONTRACT["shapes"][name]
    if shape["evidence"] == "guess":
        return {}
    made: dict[str, Any] = {
        "type": "object",
        "properties": {member: _member(kind) for member, kind in shape["members"].items()},
        "required": shape.get("required", []),
    }
    if shape.get("only"):
        made["additionalProperties"] = False
    return made


def _member(kind: Any) -> dict[str, Any]:
    if isinstance(kind, list):
        return {"type": "array", "items": _member(kind[0])}
    if kind in CONTRACT["types"]:
        known: dict[str, Any] = CONTRACT["types"][kind]
        return known
    return {"enum": CONTRACT["enums"][kind]} if kind in CONTRACT["enums"] else schema(kind)


def check(value: Any, shape: str) -> None:
    """Raise unless the JSON value has this shape."""
    jsonschema.validate(json.loads(dumps(value)), schema(shape))


def check_answer(operation: str, status: int, answer: dict[str, Any]) -> None:
    """Raise unless this is an answer the contract allows for this call."""
    check(answer, "envelope")
    assert answer["code"] == status
    assert answer["success"] is (status < 300)
    if status >= 300:
        return check(answer, "failure")
    wanted = {member: _member(kind) for member, kind in CONTRACT["operations"][operation]["answer"].items()}
    return jsonschema.validate(
        json.loads(dumps(answer)), {"type": "object", "required": list(wanted), "properties": wanted}
    )
