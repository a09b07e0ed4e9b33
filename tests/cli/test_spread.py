"""`--ray` and `--device` on the commands that encode much: what is refused, and where nothing would be encoded."""

import json

import pytest


@pytest.fixture
def file(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"prompt": f"Who leads firm {i}?", "target": "Ann"}) + "\n" for i in range(3)))
    return rows


@pytest.mark.parametrize("words", [("import",), ("ingest", "--dense"), ("rebuild", "--encoder", "hashing")])
def test_an_address_that_is_none_is_one_line_before_anything_is_stored(kedit, file, words):
    command, *more = words
    given = () if command == "rebuild" else (file,)
    told = kedit(command, *given, *more, "--ray", "here")
    assert (told.status, told.out) == (2, "")
    assert told.err == "kedit: no address of a Ray cluster: 'here'; give HOST:PORT of its head, or auto\n"
    assert not kedit.store.exists()


@pytest.mark.parametrize(("command", "missing"), [("ingest", "--dense"), ("rebuild", "--encoder")])
@pytest.mark.parametrize(("option", "value"), [("--ray", "auto"), ("--device", "cpu")])
def test_where_nothing_is_encoded_it_is_refused(kedit, file, command, missing, option, value):
    told = kedit(command, *((file,) if command == "ingest" else ()), option, value)
    assert told.status == 2
    assert told.err == (
        f"kedit: {option} is given without {missing}, so nothing is encoded; add it, or leave {option} out\n"
    )


def test_a_device_is_where_the_encoder_runs(kedit, file):
    assert kedit("import", file, "--encoder", "hashing", "--device", "cpu").status == 0
    told = kedit("import", file, "--encoder", "hashing", "--device", "gpu 1")
    assert told.err == "kedit: no device 'gpu 1'; write cpu, cuda, cuda:1 for the second one, or auto\n"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_cluster_encodes_an_import_and_standard_output_is_ours_alone(kedit, file, ray_cluster):
    told = kedit("import", file, "--encoder", "hashing", "--ray", ray_cluster.address, "--json")
    assert (told.status, len(json.loads(told.out)["imported"])) == (0, 3)
    told = kedit("rebuild", "--encoder", "hashing", "--ray", ray_cluster.address)
    assert (told.status, told.out) == (0, "index rebuilt from 3 keys\n")
