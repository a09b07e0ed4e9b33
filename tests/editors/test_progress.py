"""How far an edit is, in lines now and then."""

from kedit_memory.editors import load_editor
from kedit_memory.editors._progress import in_lines


def test_the_first_is_said_and_then_one_in_so_many_seconds(monkeypatch):
    now, said = [100.0], []
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    tell = in_lines(said.append, every=10.0)
    for step in range(31):
        tell("steps", step, 3000)
        now[0] += 1
    assert said == [f"steps: {step} of 3,000" for step in (0, 10, 20, 30)]


def test_who_is_told_is_no_option():
    told = load_editor("ft").with_progress(print)
    assert told.progress is print
    assert told == load_editor("ft")
    assert told.options == {"rate": 5e-4, "steps": 50, "paraphrases": False, "layers": None}
