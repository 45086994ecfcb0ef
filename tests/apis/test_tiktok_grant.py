"""The grant: saved before use, refreshed once, survives lost answers, refuses quietly, recovers."""

import asyncio
import gc
import json
import logging
import traceback
from datetime import timedelta

import pytest
from fake_wire import (
    ACCESS,
    APP_SECRET,
    DAY_MS,
    FAR_MS,
    LOST,
    REFRESH,
    REFRESHING,
    SEARCH,
    SHOPS,
    START_MS,
    TRADING,
    UNREACHABLE,
    answer,
    no,
    ok,
    pair,
    search,
    shop,
    tiktok_rig,
    token_answer,
    virtual,
)

from daemon.apis.gate import Access
from daemon.core.tokens import Secret
from daemon.core.verdicts import Reauth, Retry
from daemon.errors import ApiError

MINUTE_S = 60.5
EXPIRED = no(105002, "Expired credentials", 401)
INVALID = no(36004004, "invalid refresh token")


def old_pair(**changes):
    """A pair whose access token ended a day ago."""
    return pair(obtained_ms=START_MS - 8 * DAY_MS, **changes)


async def refused(rig):
    with pytest.raises(ApiError) as caught:
        await search(rig)
    return caught.value


@virtual
async def test_a_valid_token_is_used_without_asking_anybody():
    rig = tiktok_rig()
    await search(rig)
    assert rig.wire.calls(SEARCH)[0].headers["x-tts-access-token"] == f"{ACCESS}-1"
    assert rig.wire.calls(REFRESHING) == []
    assert rig.tiktok.keeper.state is Access.AUTHORIZED


@virtual
async def test_expiries_are_absolute_and_reach_the_year_2125():
    rig = tiktok_rig({REFRESHING: token_answer(2)}, stored=old_pair())
    await search(rig)
    keeper = rig.tiktok.keeper
    assert keeper.refresh_expires_at_ms == FAR_MS
    assert keeper.access_expires_at_ms == START_MS + 7 * DAY_MS
    assert keeper.pair.scopes == ("seller.order.info",)


@virtual
async def test_the_refresh_call_is_as_documented():
    rig = tiktok_rig({REFRESHING: token_answer(2)}, stored=old_pair())
    await search(rig)
    (call,) = rig.wire.calls(REFRESHING)
    assert (call.method, call.body) == ("GET", None)
    assert call.query == {
        "app_key": "simappkey01",
        "app_secret": APP_SECRET,
        "refresh_token": f"{REFRESH}-1",
        "grant_type": "refresh_token",
    }
    assert "x-tts-access-token" not in call.headers


@virtual
async def test_many_callers_at_once_make_one_refresh_and_all_get_the_new_token():
    rig = tiktok_rig({REFRESHING: token_answer(2)}, stored=old_pair())
    rig.wire.delay_s = 0.5
    await asyncio.gather(*(search(rig) for _ in range(8)))
    assert len(rig.wire.calls(REFRESHING)) == 1
    assert len(rig.wire.calls(SHOPS)) == 1
    assert {call.headers["x-tts-access-token"] for call in rig.wire.calls(SEARCH)} == {f"{ACCESS}-2"}


@virtual
async def test_the_pair_is_saved_before_its_first_use():
    def used(seen):
        assert rig.tokens.pair.access_token.get_secret_value() == seen.headers["x-tts-access-token"]
        return ok({"orders": []})

    rig = tiktok_rig({REFRESHING: token_answer(2), SEARCH: used}, stored=old_pair())
    await search(rig)
    assert [saved.refresh_token for saved in rig.tokens.saved] == [Secret(f"{REFRESH}-2")]


@virtual
async def test_a_pair_that_cannot_be_saved_is_not_used_and_saved_later_without_a_second_refresh():
    rig = tiktok_rig({REFRESHING: [token_answer(2), INVALID]}, stored=old_pair())
    rig.tokens.failing = True
    with pytest.raises(OSError, match="no space"):
        await search(rig)
    assert rig.wire.calls(SEARCH) == []
    rig.tokens.failing = False
    await search(rig)
    assert len(rig.wire.calls(REFRESHING)) == 1
    assert rig.tokens.pair.refresh_token == Secret(f"{REFRESH}-2")


@virtual
async def test_a_pair_is_renewed_ahead_of_its_expiry_and_nobody_notices_a_failing_renewal():
    rig = tiktok_rig({REFRESHING: [UNREACHABLE, UNREACHABLE, token_answer(2)]})
    await asyncio.sleep(6 * 86_400 + 10)
    for _ in range(5):
        await search(rig)
        await search(rig)
        await asyncio.sleep(MINUTE_S)
    assert len(rig.wire.calls(REFRESHING)) == 3
    assert rig.wire.seen[-1].headers["x-tts-access-token"] == f"{ACCESS}-2"


@virtual
async def test_a_renewal_refused_early_stops_nobody_until_the_token_ends():
    rig = tiktok_rig({REFRESHING: INVALID})
    await asyncio.sleep(6 * 86_400 + 10)
    for _ in range(23):
        await search(rig)
        await asyncio.sleep(3_600)
    assert rig.tiktok.keeper.state is Access.AUTHORIZED
    assert len(rig.wire.calls(REFRESHING)) <= 24
    await asyncio.sleep(3_600)
    assert (await refused(rig)).verdict == Reauth("expired")
    assert rig.tiktok.keeper.state is Access.NEEDS_REAUTH


@virtual
async def test_105002_renews_once_and_repeats_the_call_once():
    rig = tiktok_rig({REFRESHING: token_answer(2), SEARCH: [EXPIRED, ok({"orders": []})]})
    await search(rig)
    tokens = [call.headers["x-tts-access-token"] for call in rig.wire.calls(SEARCH)]
    assert tokens == [f"{ACCESS}-1", f"{ACCESS}-2"]
    assert len(rig.wire.calls(REFRESHING)) == 1


@virtual
async def test_ten_calls_refused_together_make_one_refresh():
    def answer_for(seen):
        return ok({"orders": []}) if seen.headers["x-tts-access-token"].endswith("-2") else EXPIRED

    rig = tiktok_rig({REFRESHING: token_answer(2), SEARCH: answer_for})
    rig.wire.delay_s = 0.2
    await asyncio.gather(*(search(rig) for _ in range(10)))
    assert len(rig.wire.calls(REFRESHING)) == 1


@virtual
async def test_a_token_that_stays_refused_costs_one_probe_a_minute():
    counter = iter(range(2, 1_000))
    rig = tiktok_rig({REFRESHING: lambda _: token_answer(next(counter)), SEARCH: EXPIRED})
    for _ in range(120):
        assert (await refused(rig)).verdict == Reauth("expired")
        await asyncio.sleep(1)
    assert len(rig.wire.calls(SEARCH)) <= 6
    assert rig.tiktok.keeper.state is Access.NEEDS_REAUTH


@virtual
async def test_rotation_off_gives_the_same_refresh_token_again_and_again():
    rig = tiktok_rig({REFRESHING: lambda _: token_answer(2, rig.clock.now_ms(), refresh=f"{REFRESH}-1")})
    for _ in range(3):
        await asyncio.sleep(8 * 86_400)
        await search(rig)
    assert {call.query["refresh_token"] for call in rig.wire.calls(REFRESHING)} == {f"{REFRESH}-1"}


@virtual
async def test_rotation_on_uses_each_refresh_token_once():
    alive = {f"{REFRESH}-1"}

    def rotate(seen):
        if seen.query["refresh_token"] not in alive:
            return INVALID
        alive.clear()
        number = len(rig.wire.calls(REFRESHING)) + 1
        alive.add(f"{REFRESH}-{number}")
        return token_answer(number, rig.clock.now_ms())

    rig = tiktok_rig({REFRESHING: rotate})
    for _ in range(4):
        await asyncio.sleep(8 * 86_400)
        await search(rig)
    assert len(rig.wire.calls(REFRESHING)) == 4
    assert rig.tiktok.keeper.state is Access.AUTHORIZED


@virtual
async def test_a_lost_answer_is_asked_for_once_more_with_the_old_token():
    rig = tiktok_rig({REFRESHING: [LOST, token_answer(2)]}, stored=old_pair())
    await search(rig)
    assert [call.query["refresh_token"] for call in rig.wire.calls(REFRESHING)] == [f"{REFRESH}-1"] * 2


@virtual
async def test_a_lost_answer_under_rotation_ends_in_needs_reauth_and_keeps_asking_quietly():
    rig = tiktok_rig({REFRESHING: [LOST, INVALID]}, stored=old_pair())
    assert (await refused(rig)).verdict == Reauth("expired")
    assert rig.tiktok.keeper.state is Access.NEEDS_REAUTH
    for _ in range(50):
        await refused(rig)
    assert len(rig.wire.calls(REFRESHING)) == 2
    assert rig.wire.calls(SEARCH) == []
    await asyncio.sleep(MINUTE_S)
    await refused(rig)
    assert len(rig.wire.calls(REFRESHING)) == 3


@virtual
async def test_an_unreachable_token_host_is_a_retry_for_everybody_and_not_a_call_loop():
    rig = tiktok_rig({REFRESHING: UNREACHABLE}, stored=old_pair())
    for _ in range(20):
        assert isinstance((await refused(rig)).verdict, Retry)
    assert len(rig.wire.calls(REFRESHING)) == 1
    assert rig.tiktok.keeper.state is Access.UNKNOWN
    rig.wire.routes[REFRESHING] = token_answer(2)
    await asyncio.sleep(2.1)
    await search(rig)


@virtual
async def test_the_previous_pair_comes_back_when_the_new_one_never_worked():
    def only_the_first(seen):
        return token_answer(3) if seen.query["refresh_token"] == f"{REFRESH}-1" else INVALID

    rig = tiktok_rig({REFRESHING: only_the_first}, stored=old_pair())
    rig.tokens.before = pair(1)
    rig.tokens.pair = old_pair(number=2)
    await search(rig)
    assert rig.tokens.pair.refresh_token == Secret(f"{REFRESH}-3")


@virtual
async def test_the_first_start_uses_the_configured_refresh_token():
    rig = tiktok_rig({REFRESHING: token_answer(2)}, stored=False, first_refresh_token=Secret(f"{REFRESH}-first"))
    await search(rig)
    assert rig.wire.calls(REFRESHING)[0].query["refresh_token"] == f"{REFRESH}-first"
    assert rig.tokens.pair.refresh_token == Secret(f"{REFRESH}-2")


@virtual
async def test_the_stored_pair_wins_over_the_configured_one_until_it_is_refused():
    def answer_for(seen):
        return token_answer(5) if seen.query["refresh_token"] == f"{REFRESH}-first" else INVALID

    rig = tiktok_rig({REFRESHING: answer_for}, stored=old_pair(), first_refresh_token=Secret(f"{REFRESH}-first"))
    await search(rig)
    asked = [call.query["refresh_token"] for call in rig.wire.calls(REFRESHING)]
    assert asked == [f"{REFRESH}-1", f"{REFRESH}-first"]


@virtual
async def test_without_any_grant_the_error_says_what_to_do_and_nobody_is_called():
    rig = tiktok_rig(stored=False)
    error = await refused(rig)
    assert error.verdict == Reauth("expired")
    assert "connect" in str(error)
    assert rig.wire.seen == []
    assert rig.tiktok.keeper.state is Access.NEEDS_REAUTH


@virtual
async def test_a_grant_stored_by_somebody_else_is_found_by_the_next_probe():
    rig = tiktok_rig({REFRESHING: INVALID}, stored=old_pair())
    await refused(rig)
    rig.tokens.pair = pair(7, obtained_ms=START_MS + 1)
    await asyncio.sleep(MINUTE_S)
    await search(rig)
    assert len(rig.wire.calls(REFRESHING)) == 1
    assert rig.wire.seen[-1].headers["x-tts-access-token"] == f"{ACCESS}-7"
    assert rig.tiktok.keeper.state is Access.AUTHORIZED


@virtual
async def test_at_the_end_of_the_grant_sends_pause_and_a_new_grant_resumes_them():
    rig = tiktok_rig({REFRESHING: INVALID, TRADING: token_answer(9)}, stored=pair(refresh_ms=START_MS + 60_000))
    await search(rig)
    await asyncio.sleep(61)
    assert rig.tiktok.keeper.state is Access.NEEDS_REAUTH
    assert (await refused(rig)).verdict == Reauth("expired")
    await rig.tiktok.keeper.exchange("the-code")
    await search(rig)
    assert rig.tiktok.keeper.state is Access.AUTHORIZED
    assert rig.wire.calls(TRADING)[0].query["grant_type"] == "authorized_code"
    assert len(rig.wire.calls(SHOPS)) == 2, "shops are read again after a grant"


@virtual
async def test_a_used_grant_code_is_a_refusal_and_changes_nothing():
    rig = tiktok_rig({TRADING: no(36004004, "invalid auth code")})
    with pytest.raises(ApiError) as caught:
        await rig.tiktok.keeper.exchange("canary-code-77")
    assert caught.value.code == "36004004"
    assert "canary-code-77" not in repr(caught.value) + str(caught.value)
    await search(rig)


@virtual
async def test_a_deauthorization_hint_is_checked_before_it_is_believed():
    rig = tiktok_rig({REFRESHING: token_answer(2)})
    await search(rig)
    rig.tiktok.keeper.doubt()
    await search(rig)
    assert rig.tiktok.keeper.state is Access.AUTHORIZED
    assert len(rig.wire.calls(REFRESHING)) == 1


@virtual
async def test_a_true_deauthorization_is_disconnected_and_not_needs_reauth():
    rig = tiktok_rig({REFRESHING: INVALID})
    await search(rig)
    rig.tiktok.keeper.doubt()
    assert (await refused(rig)).verdict == Reauth("revoked")
    assert rig.tiktok.keeper.state is Access.DISCONNECTED


@virtual
async def test_105001_with_a_refused_refresh_is_disconnected():
    rig = tiktok_rig({SEARCH: no(105001, "invalid token", 401), REFRESHING: INVALID})
    assert (await refused(rig)).verdict == Reauth("revoked")
    assert rig.tiktok.keeper.state is Access.DISCONNECTED


@virtual
async def test_a_missing_scope_names_itself_and_stops_only_the_calls_that_need_it():
    rig = tiktok_rig({SEARCH: no(105005, "Access denied: scope", 403)})
    for _ in range(30):
        assert (await refused(rig)).verdict == Reauth("scope")
    keeper = rig.tiktok.keeper
    assert keeper.state is Access.INSUFFICIENT_PERMISSION
    assert keeper.missing_scopes == ("seller.order.info",)
    assert len(rig.wire.calls(SEARCH)) == 1
    await rig.tiktok.authorized_shops()
    rig.wire.routes[SEARCH] = ok({"orders": []})
    await asyncio.sleep(MINUTE_S)
    await search(rig)
    assert keeper.state is Access.AUTHORIZED


@virtual
async def test_a_new_grant_with_the_scope_is_found_by_the_probe():
    def answer_for(seen):
        good = seen.headers["x-tts-access-token"].endswith("-8")
        return ok({"orders": []}) if good else no(105005, "Access denied: scope", 403)

    rig = tiktok_rig({SEARCH: answer_for})
    await refused(rig)
    rig.tokens.pair = pair(8, obtained_ms=START_MS + 1)
    await asyncio.sleep(MINUTE_S)
    await search(rig)


@virtual
@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        (no(106001, "Invalid credentials: 'sign' query parameter", 401), Access.KEY_REFUSED),
        (no(36009004, "Invalid credentials: 'app_key' query parameter", 400), Access.KEY_REFUSED),
        (no(36009043, "shop inactive", 401), Access.SHOP_INACTIVE),
    ],
)
async def test_a_refused_key_or_shop_is_not_a_token_problem(refusal, state):
    rig = tiktok_rig({SEARCH: refusal})
    for _ in range(10):
        await refused(rig)
    assert rig.tiktok.keeper.state is state
    assert len(rig.wire.calls(SEARCH)) == 1
    assert rig.wire.calls(REFRESHING) == []


@virtual
async def test_a_cancelled_caller_does_not_lose_the_new_pair():
    rig = tiktok_rig({REFRESHING: token_answer(2)}, stored=old_pair())
    rig.wire.delay_s = 1.0
    task = asyncio.create_task(search(rig))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await rig.tiktok.keeper.finish()
    assert rig.tokens.pair.refresh_token == Secret(f"{REFRESH}-2")


@virtual
async def test_a_renewal_that_fails_after_its_caller_is_gone_complains_to_nobody():
    rig = tiktok_rig({REFRESHING: UNREACHABLE}, stored=old_pair())
    rig.wire.delay_s = 1.0
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context["message"]))
    task = asyncio.create_task(search(rig))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(MINUTE_S)
    gc.collect()
    assert complaints == []


@virtual
async def test_several_shops_need_a_choice_and_make_no_call_loop():
    rig = tiktok_rig({SHOPS: ok({"shops": [shop(1), shop(2)]})})
    for _ in range(10):
        error = await refused(rig)
        assert error.verdict == Reauth("scope")
        assert "TIKTOK_SHOP_ID" in str(error)
    assert len(rig.wire.calls(SHOPS)) == 1
    await asyncio.sleep(MINUTE_S)
    await refused(rig)
    assert len(rig.wire.calls(SHOPS)) == 2


@virtual
async def test_the_named_shop_is_served():
    shops = ok({"shops": [shop(1, "ROW_one"), shop(2, "ROW_two")]})
    rig = tiktok_rig({SHOPS: shops}, shop_id=shop(2)["id"])
    await search(rig)
    assert rig.wire.calls(SEARCH)[0].query["shop_cipher"] == "ROW_two"
    assert (await rig.tiktok.shop()).id == shop(2)["id"]


@virtual
@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": ""},
        {"access_token_expire_in": None},
        {"refresh_token": None},
        {"refresh_token_expire_in": "never"},
        {"access_token_expire_in": 604_800_000_000_000},
    ],
)
async def test_a_token_answer_that_lacks_something_is_not_taken_up(changes):
    good = json.loads(token_answer(2).body)
    bad = answer({**good, "data": {**good["data"], **changes}})
    rig = tiktok_rig({REFRESHING: bad}, stored=old_pair())
    error = await refused(rig)
    assert error.verdict == Retry("shape")
    assert rig.tokens.saved == []
    assert REFRESH not in str(error)


@virtual
async def test_a_wrong_app_secret_at_the_token_host_is_a_wrong_key():
    rig = tiktok_rig({REFRESHING: no(36009004, "Invalid credentials: 'app_key'", 400)}, stored=old_pair())
    assert (await refused(rig)).verdict == Reauth("key")
    assert rig.tiktok.keeper.state is Access.KEY_REFUSED


@virtual
async def test_an_undocumented_code_of_the_token_host_is_a_refusal():
    rig = tiktok_rig({REFRESHING: no(36004099, "refresh token is dead")}, stored=old_pair())
    assert (await refused(rig)).verdict == Reauth("expired")


@virtual
async def test_the_authorize_link_follows_the_market():
    rig = tiktok_rig()
    keeper = rig.tiktok.keeper
    await keeper.load()
    assert keeper.authorize_url("s t").startswith("https://services.us.tiktokshop.com/open/authorize?service_id=73")
    assert keeper.authorize_url("s t").endswith("state=s+t")
    assert keeper.authorize_url("s", "GB").startswith("https://services.tiktokshop.com/open/authorize?")


@virtual
async def test_no_credential_shows_in_any_error_repr_or_log(caplog):
    caplog.set_level(logging.DEBUG)
    echo = no(36009004, f"bad parameter app_secret={APP_SECRET} token '{REFRESH}-1' {ACCESS}-1 (ROW_x)", 400)
    rig = tiktok_rig({REFRESHING: echo}, stored=old_pair())
    error = await refused(rig)
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error)) + caplog.text
    shown += (
        repr(rig.tiktok.keeper.pair) + repr(rig.tiktok.keeper.app) + rig.tiktok.keeper.reason + str(Secret(REFRESH))
    )
    for canary in (APP_SECRET, REFRESH, ACCESS, "canary"):
        assert canary not in shown


def test_the_probe_interval_is_what_the_scenarios_expect():
    from daemon.apis.gate import PROBE_EVERY

    assert timedelta(seconds=30) <= PROBE_EVERY <= timedelta(minutes=5)
