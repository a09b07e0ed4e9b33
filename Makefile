# The two commands of README, and the rest of a developer's day. Each makes .venv first when it is missing or old.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test real check slow bench evaluate compare clean

demo: $(STAMP)
	$(BIN)/kedit demo

test: $(STAMP)
	$(BIN)/python -m pytest -n auto

# Every route and every editor on SmolLM2, which `kedit models get smollm2` brings first; one process a core.
real: $(STAMP)
	$(BIN)/python -m pytest -m real -n 2 --dist=load tests/real

check: $(STAMP)
	scripts/check

slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

bench: $(STAMP)
	$(BIN)/python scripts/bench_memory.py --json

evaluate: $(STAMP)
	$(BIN)/python scripts/evaluate_embedded_model.py --json

# At most fifteen minutes on two cores; a run that was stopped goes on. What it keeps is in build/compare.
compare: $(STAMP)
	$(BIN)/python scripts/compare_editors.py --methods all --edits 10,20 --singles 10 --limit 5 --questions 5 \
		--output build/compare --page docs/results/compare.md

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[offline,dev,wikipedia]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) build/compare
