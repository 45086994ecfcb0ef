"""S26, S27: the message and the order card to the buyer, once per order for ever."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.tiktok.conversations import Conversation
from daemon.sandbox.tiktok.options import ALL_SCOPES
from tests.scenarios.stage import DAY, HOUR, MINUTE, attempts, fulfill, opened, play, row, shop, sql, standing, status
from tests.sim.world import World

BOTH = {"ORDERS_MESSAGE": "Thanks {order_id}", "ORDERS_SEND_ORDER_CARD": "true"}
WHOLE = {"ORDERS_MESSAGE": "Hi {buyer_name}, {shop_name} ships {order_id} by {ship_by} {{as ever}}"}
BUYER = "7021436810468230477"
SENSITIVE, RULES, FIRST, QUOTA = 45101006, 45109001, 45109003, 45101004


def talk(world: World, buyer_id: str = BUYER) -> Conversation | None:
    return world.tiktok.conversations.of_buyer.get(buyer_id)


def said(world: World, buyer_id: str = BUYER) -> list[tuple[str, str]]:
    """Type and content of what the shop wrote to a buyer."""
    conversation = talk(world, buyer_id)
    rows = conversation.said if conversation else []
    return [(one.kind, str(next(iter(one.content.values())))) for one in rows if one.role != "BUYER"]


def test_one_text_and_one_card_also_while_on_hold_and_never_again() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(5 * MINUTE)
        assert status(world, order_id) == "onHold"
        assert said(world) == [("TEXT", f"Thanks {order_id}"), ("ORDER_CARD", order_id)]
        assert attempts(world, "conversations.open") == 1
        await world.live(2 * HOUR)
        await world.stop()
        await world.start()
        await world.live(HOUR)
        world.tiktok.touch(order_id)
        await world.live(HOUR)
        assert status(world, order_id) != "onHold"
        assert len(said(world)) == 2
        assert [standing(world, "messages", f"{order_id}:{name}") for name in ("text", "card")] == ["done", "done"]

    play(story, settings=BOTH)


def test_neither_is_sent_where_neither_is_asked_for() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(2 * HOUR)
        assert status(world, order_id) == "readyForFulfillment"
        assert attempts(world, "conversations.open") == 0
        assert talk(world) is None

    play(story)


def test_the_template_is_filled_and_a_hidden_name_never_goes_out_as_stars() -> None:
    async def story(world: World) -> None:
        await world.start()
        hidden = world.tiktok.place_order(("SKU-A",), address={"first_name": "S***", "last_name": "", "line1": "1 A"})
        await world.live(5 * MINUTE)
        ((_, text),) = said(world)
        day = "2026-01-0"
        assert text.startswith(f"Hi customer, Sim Shop US ships {hidden} by {day}")
        assert text.endswith(" {as ever}")
        assert "*" not in text

    play(story, settings=WHOLE)


def test_a_known_name_is_used() -> None:
    async def story(world: World) -> None:
        await world.start()
        world.tiktok.place_order(("SKU-A",))
        await world.live(5 * MINUTE)
        ((_, text),) = said(world)
        assert text.startswith("Hi Sam, ")

    play(story, settings=WHOLE, tiktok=shop(on_hold=False))


@pytest.mark.parametrize("code", [SENSITIVE, RULES])
def test_a_refusal_is_shown_once_and_the_order_goes_on(code: int) -> None:
    async def story(world: World) -> None:
        world.faults["tiktok"].add(Fault(FaultKind.REFUSE, "messages.send", times=None, code=code, message="no"))
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(3 * HOUR)
        assert status(world, order_id) == "readyForFulfillment"
        assert standing(world, "orders", order_id) == "done"
        assert set(opened(world, f"{order_id}:text")) == {"message_rejected"}
        assert standing(world, "messages", f"{order_id}:text") == "dead"
        assert attempts(world, "messages.send") == 2, "one try for the text, one for the card"

    play(story, settings=BOTH)


def test_a_buyer_who_may_not_be_written_to() -> None:
    async def story(world: World) -> None:
        world.faults["tiktok"].add(Fault(FaultKind.REFUSE, "conversations.open", times=None, code=FIRST, message="no"))
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(3 * HOUR)
        assert set(opened(world, f"{order_id}:text")) == {"message_rejected"}
        assert attempts(world, "messages.send") == 0

    play(story, settings={"ORDERS_MESSAGE": "Thanks"})


def test_a_text_that_the_shop_refuses_by_itself() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(2 * HOUR)
        assert set(opened(world)) == {"message_rejected"}
        assert said(world) == [("ORDER_CARD", order_id)]

    play(story, settings=BOTH | {"ORDERS_MESSAGE": "Ask us on WhatsApp"})


def test_the_quota_of_the_day_waits_for_the_shops_next_day_without_calls() -> None:
    async def story(world: World) -> None:
        await world.start()
        orders = []
        for _ in range(5):
            orders.append(world.tiktok.place_order(("SKU-A",)))
            await world.live(0.5 * HOUR)
        assert len(said(world)) == 2
        refused = [call for call in world.tiktok.calls if call.code == QUOTA]
        assert len(refused) == 1, "one refusal says it for all"
        assert set(opened(world)) == {"message_quota"}
        await world.live(3 * HOUR)
        assert len([call for call in world.tiktok.calls if call.code == QUOTA]) == 1
        world.tiktok.options.service_calls_per_day = None
        await world.live(4 * HOUR)  # the world begins at midnight UTC; the shop's day at 8
        assert sorted(text for _, text in said(world)) == sorted(f"Thanks {order_id}" for order_id in orders)
        assert opened(world) == {}

    # a conversation and its text, twice
    play(story, settings={"ORDERS_MESSAGE": "Thanks {order_id}"}, tiktok=shop(service_calls_per_day=4))


def test_an_order_cancelled_before_the_message_left_gets_none() -> None:
    async def story(world: World) -> None:
        world.faults["tiktok"].add(Fault(FaultKind.UNAVAILABLE, "conversations.open", times=None))
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(5 * MINUTE)
        assert status(world, order_id) == "onHold"
        world.tiktok.cancel_order(order_id)
        world.faults["tiktok"].clear()
        await world.live(2 * HOUR)
        assert talk(world) is None
        assert standing(world, "messages", f"{order_id}:text") == "dropped"

    play(story, settings=BOTH)


def test_a_create_that_succeeds_at_the_third_try_is_followed_by_one_message() -> None:
    async def story(world: World) -> None:
        world.faults["pipe17"].add(Fault(FaultKind.SERVER_ERROR, "orders.create", times=1))
        world.faults["pipe17"].add(Fault(FaultKind.RATE_LIMIT, "orders.create", times=1, retry_after="30"))
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(10 * MINUTE)
        assert attempts(world, "orders.create") == 3
        assert said(world) == [("TEXT", f"Thanks {order_id}")]

    play(story, settings={"ORDERS_MESSAGE": "Thanks {order_id}"})


def test_a_create_whose_answer_was_lost_is_followed_by_one_message() -> None:
    async def story(world: World) -> None:
        world.faults["pipe17"].add(Fault(FaultKind.LOST_ANSWER, "orders.create", times=1))
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(10 * MINUTE)
        assert said(world) == [("TEXT", f"Thanks {order_id}"), ("ORDER_CARD", order_id)]

    play(story, settings=BOTH)


@pytest.mark.parametrize("kind", [FaultKind.LOST_ANSWER, FaultKind.ERROR_AFTER, FaultKind.NULL_DATA])
@pytest.mark.parametrize("text", ["Thanks {order_id}", "Thanks"])
def test_a_send_whose_answer_was_lost_is_looked_for_and_not_repeated(kind: FaultKind, text: str) -> None:
    async def story(world: World) -> None:
        world.faults["tiktok"].add(Fault(kind, "messages.send", times=1))
        await world.start()
        first = world.tiktok.place_order(("SKU-A",))
        await world.live(HOUR)
        second = world.tiktok.place_order(("SKU-A",))
        await world.live(HOUR)
        texts = [text.replace("{order_id}", order_id) for order_id in (first, second)]
        assert [text for kind, text in said(world) if kind == "TEXT"] == texts
        assert [text for kind, text in said(world) if kind == "ORDER_CARD"] == [first, second]

    play(story, settings=BOTH | {"ORDERS_MESSAGE": text})


def test_a_send_that_never_arrived_is_repeated_though_the_same_text_stands_there_for_another_order() -> None:
    async def story(world: World) -> None:
        world.faults["tiktok"].add(Fault(FaultKind.RESET, "messages.send", times=1, skip=1))
        await world.start()
        for _ in range(2):
            world.tiktok.place_order(("SKU-A",))
        await world.live(HOUR)
        assert said(world) == [("TEXT", "Thanks"), ("TEXT", "Thanks")]

    play(story, settings={"ORDERS_MESSAGE": "Thanks"})


def test_a_message_is_looked_for_behind_what_was_said_since() -> None:
    async def story(world: World) -> None:
        world.faults["tiktok"].add(Fault(FaultKind.LOST_ANSWER, "messages.send", times=1))
        world.faults["tiktok"].add(Fault(FaultKind.UNAVAILABLE, "messages.list", times=None))
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(5 * MINUTE)
        for number in range(45):
            world.tiktok.write_as_buyer(f"And? {number}")
        world.faults["tiktok"].clear()
        await world.live(2 * HOUR)
        assert said(world) == [("TEXT", f"Thanks {order_id}")]
        assert standing(world, "messages", f"{order_id}:text") == "done"

    play(story, settings={"ORDERS_MESSAGE": "Thanks {order_id}"})


def test_an_internal_error_after_the_message_was_taken_does_not_send_it_twice() -> None:
    """TikTok names internal errors and wrong parameters with one code; neither proves that nothing was written."""

    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        send = world.tiktok.conversations.send

        def taken_and_refused(ask: object) -> dict[str, object]:
            from daemon.sandbox.tiktok.shapes import Refused

            send(ask)  # type: ignore[arg-type]
            world.tiktok._handlers["messages.send"] = send  # type: ignore[assignment]
            raise Refused(45101001, "Internal error")

        world.tiktok._handlers["messages.send"] = taken_and_refused  # type: ignore[assignment]
        await world.live(HOUR)
        assert said(world) == [("TEXT", f"Thanks {order_id}")]

    play(story, settings={"ORDERS_MESSAGE": "Thanks {order_id}"})


def test_orders_of_the_past_get_no_message() -> None:
    async def story(world: World) -> None:
        old = world.tiktok.place_order(("SKU-A",))
        await world.live(4 * DAY)
        recent = world.tiktok.place_order(("SKU-A",))
        await world.live(2 * HOUR)
        await world.start()
        await world.live(HOUR)
        assert status(world, old), "the settings ask for it"
        assert said(world) == [("TEXT", f"Thanks {recent}")]

    play(story, settings={"ORDERS_MESSAGE": "Thanks {order_id}", "ORDERS_SINCE": "30d"})


def test_orders_that_the_platform_ships_get_no_message() -> None:
    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(("F",), fulfillment_type="FULFILLMENT_BY_TIKTOK", shipping_type="TIKTOK")
        await world.live(2 * HOUR)
        assert status(world, order_id) == "fulfilled"
        assert talk(world) is None

    play(story, settings=BOTH | {"ORDERS_PULL_SHIPPED_BY_PLATFORM": "true"})


def test_an_order_that_an_earlier_life_made_is_not_told_about_again() -> None:
    """The store is lost, and with it that the message was sent; the conversation remembers."""

    async def story(world: World) -> None:
        await world.start()
        order_id = world.tiktok.place_order(("SKU-A",))
        await world.live(10 * MINUTE)
        assert len(said(world)) == 2
        await world.stop()
        for path in world.store.parent.glob("connector.db*"):
            path.unlink()
        token = world.tiktok.tokens()["refresh_token"]
        world.settings = world.settings.model_copy(update={"tiktok_refresh_token": SecretStr(token)})
        await world.start()
        world.tiktok.touch(order_id)
        await world.live(2 * HOUR)
        assert row(world, "messages", f"{order_id}:text") is not None
        assert len(said(world)) == 2

    play(story, settings=BOTH)


@pytest.mark.parametrize("scope", ["seller.customer_service", "seller.order.ext_ref.write"])
def test_a_missing_scope_is_said_once_asked_about_slowly_and_made_up_for(scope: str) -> None:
    async def story(world: World) -> None:
        await world.start()
        await world.live(MINUTE)
        assert world.parts is not None
        keeper = world.parts.tiktok.keeper
        await keeper.exchange(world.tiktok.issue_code(tuple(one for one in ALL_SCOPES if one != scope)))
        orders = [world.tiktok.place_order(("SKU-A",)) for _ in range(20)]
        await world.live(HOUR)
        assert all(status(world, order_id) for order_id in orders), "the orders do not wait for it"
        assert sql(world, "SELECT count(*) FROM exceptions WHERE code = 'tiktok_scope'") == [(1,)]
        assert scope in opened(world)["tiktok_scope"]
        assert world.daemon is not None
        assert world.daemon.ready, "orders and shipments need nothing of it"
        assert len([call for call in world.tiktok.calls if call.code == 105005]) <= 70, "one probe a minute, no loop"
        await world.live(10 * MINUTE)
        world.tiktok.revoke_grant()
        vital = tuple(one for one in ALL_SCOPES if one not in (scope, "seller.fulfillment.basic"))
        await keeper.exchange(world.tiktok.issue_code(vital))
        fulfill(world, orders[0])
        await world.live(5 * MINUTE)
        assert not world.daemon.ready
        await world.live(2 * HOUR)
        assert opened(world)["tiktok_scope"].count("seller.") == 2, "the exception names what is missing now"
        assert not world.daemon.ready
        await keeper.exchange(world.tiktok.issue_code())
        await world.live(2 * HOUR)
        assert world.daemon.ready
        assert len(said(world)) == 40
        assert len(world.tiktok.external.of_order) == 20
        assert opened(world) == {}

    play(story, settings=BOTH)


def test_what_follows_an_order_goes_away_with_its_setting() -> None:
    """Rows that wait when a follow-up is switched off are dropped with the reason; a kind of message that is off is not
    sent while the other is."""

    async def story(world: World) -> None:
        await world.start()
        await world.live(MINUTE)
        assert world.parts is not None
        lacking = ("seller.customer_service", "seller.order.ext_ref.write")
        await world.parts.tiktok.keeper.exchange(
            world.tiktok.issue_code(tuple(one for one in ALL_SCOPES if one not in lacking))
        )
        order_id = world.tiktok.place_order(("SKU-A",))
        other = world.tiktok.place_order(("SKU-B",))
        await world.live(10 * MINUTE)
        assert {standing(world, "messages", f"{order_id}:{kind}") for kind in ("text", "card")} == {"ready"}
        assert standing(world, "references", order_id) == "ready"
        await world.stop()
        world.settings = world.settings.model_copy(update={"orders_message": "", "orders_push_references": False})
        await world.start()
        await world.live(2 * HOUR)
        reasons = {
            key: row(world, flow, key) for flow, key in (("messages", f"{order_id}:text"), ("references", other))
        }
        assert [found and (found.state, found.reason) for found in reasons.values()] == [
            ("dropped", "switched off (ORDERS_MESSAGE)"),
            ("dropped", "switched off (ORDERS_PUSH_REFERENCES)"),
        ]
        assert standing(world, "references", order_id) == "dropped"
        assert standing(world, "messages", f"{order_id}:card") == "ready", "that one is on"
        await world.stop()
        world.settings = world.settings.model_copy(update={"orders_send_order_card": False})
        await world.start()
        await world.live(MINUTE)
        assert sql(world, "SELECT count(*) FROM outbox WHERE finished_at_ms IS NULL AND flow = 'messages'") == [(0,)]
        assert said(world) == []

    play(story, settings=BOTH)
