"""`kedit keys`: made, listed without their secret, revoked."""

import json

import pytest

from .conftest import Kedit


def test_a_key_is_shown_once(kedit: Kedit) -> None:
    kedit.add("Who leads Acme?", "Ann Berg")
    made = kedit("keys", "add", "desk", "--opens", "a", "--opens", "b", "--right", "write")
    assert made.out.startswith("kedit-")
    listed = kedit("keys", "list", "--json").out
    (key,) = json.loads(listed)["keys"]
    assert (key["name"], key["namespaces"], key["rights"]) == ("desk", ["a", "b"], ["read", "write"])
    assert made.out.strip() not in listed
    assert kedit("keys", "revoke", "desk").status == 0
    assert "revoked" in kedit("keys", "list").out


def test_a_key_may_have_a_rate_and_be_the_first_thing_in_a_store(kedit: Kedit) -> None:
    assert kedit("keys", "add", "desk", "--rate", "600", "--burst", "20").status == 0
    assert "600 a minute" in kedit("keys", "list").out
    (key,) = json.loads(kedit("keys", "list", "--json").out)["keys"]
    assert (key["rate"], key["burst"]) == (600, 20)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["add", "desk", "--right", "reed"], "no right 'reed'; choose of read, write, admin"),
        (["add", "desk", "--days", "0"], "0 days"),
        (["add", "desk", "--rate", "0"], "a rate of 0 lets nobody ask"),
        (["revoke", "nobody"], "no key 'nobody' is in use"),
    ],
)
def test_bad_input_is_one_line(kedit: Kedit, words: list[str], message: str) -> None:
    kedit.add("Who leads Acme?", "Ann Berg")
    done = kedit("keys", *words)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
