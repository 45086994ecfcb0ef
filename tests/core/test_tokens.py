"""Secrets do not show themselves, and say so when somebody tries to copy them out."""

import pickle
from dataclasses import dataclass

import pytest

from daemon.core.tokens import Secret


@dataclass(frozen=True, slots=True)
class Holder:
    token: Secret


@pytest.mark.parametrize("show", [str, repr, "{}".format, "%s".__mod__, lambda secret: repr([secret, {"a": secret}])])
def test_a_secret_never_shows_itself(show):
    assert "canary" not in show(Secret("canary"))
    assert "canary" not in show(Holder(Secret("canary")))


def test_it_is_a_value():
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert bool(Secret("a")) is True
    assert bool(Secret("")) is False
    assert Secret("a").get_secret_value() == "a"


def test_it_cannot_be_pickled():
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret("canary"))
