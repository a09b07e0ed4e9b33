"""Two hundred edits and two hundred questions that try to steer a model, another namespace or the proxy: in vain."""

from collections import Counter

import pytest
from injection_texts import FAMILIES, injections
from serve_injections import Attacked, attack, filled
from served import Behind, listening, serving, upstream

from kedit_memory.memory import EditMemory


def test_there_are_two_hundred_texts_in_twenty_families() -> None:
    texts = list(injections(1))
    assert len(FAMILIES) == 20
    assert len({one.text for one in texts}) == 200
    assert set(Counter(one.family for one in texts).values()) == {10}
    assert not {one.text for one in texts} >= {one.text for one in injections(2)}


@pytest.fixture(scope="module", params=[10, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"])
def attacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Attacked:
    """What became of a server, a process of its own, which lived to the end of it."""
    store = tmp_path_factory.mktemp("attacked") / "store"
    keys = filled(store, "hashing")
    config = store.parent / "serve.toml"
    with upstream(Behind()) as behind:
        config.write_text(f'answer = "context"\nport = 0\n[[upstream]]\nurl = "{behind.url}"\n')
        with listening(serving(store, "--config", str(config))) as (server, process):
            found = attack(server, keys, behind, one_of=request.param)
            assert process.poll() is None
    with EditMemory.open(store, create=False) as memory:
        assert not memory.verify().problems
    return found


def test_none_succeeds(attacked: Attacked) -> None:
    assert attacked.wrong == {}


def test_the_texts_were_stored_and_told(attacked: Attacked) -> None:
    """Else nothing would have been tried."""
    assert attacked.stored >= 0.9 * attacked.tried
    assert attacked.hits > 0
