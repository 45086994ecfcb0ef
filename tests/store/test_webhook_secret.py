"""The secret of the webhook address on disk: made once, sealed where there is a key, made anew when unreadable."""

from __future__ import annotations

from store_bench import NOW_MS, Bench

from daemon.store import webhook_secret
from daemon.store.sealing import Seal

PLAIN, KEY, OTHER = Seal(None), Seal(b"1" * 32), Seal(b"2" * 32)


def _keep(bench: Bench, seal: Seal, fresh: str) -> str:
    return bench.do(lambda tx: webhook_secret.keep(tx, seal, fresh, NOW_MS))


def _on_disk(bench: Bench) -> str:
    ((value,),) = bench.rows("SELECT value FROM facts WHERE name = ?", webhook_secret.FACT)
    return str(value)


def test_the_first_one_stays() -> None:
    bench = Bench()
    assert bench.do(lambda tx: webhook_secret.stored(tx, PLAIN)) == ""
    assert [_keep(bench, PLAIN, fresh) for fresh in ("one", "two")] == ["one", "one"]
    assert bench.do(lambda tx: webhook_secret.stored(tx, PLAIN)) == "one"


def test_with_a_key_it_is_not_on_disk_in_plain() -> None:
    bench = Bench()
    assert [_keep(bench, KEY, fresh) for fresh in ("canary-one", "two")] == ["canary-one"] * 2
    assert "canary" not in _on_disk(bench)


def test_a_key_that_is_set_later_seals_what_was_plain() -> None:
    bench = Bench()
    _keep(bench, PLAIN, "canary-one")
    assert "canary" in _on_disk(bench)
    assert _keep(bench, KEY, "two") == "canary-one"
    assert "canary" not in _on_disk(bench)


def test_with_another_key_or_none_a_new_one_is_made() -> None:
    for other in (OTHER, PLAIN):
        bench = Bench()
        _keep(bench, KEY, "one")
        assert bench.do(lambda tx, seal=other: webhook_secret.stored(tx, seal)) == ""  # type: ignore[misc]
        assert [_keep(bench, other, fresh) for fresh in ("two", "three")] == ["two", "two"]
