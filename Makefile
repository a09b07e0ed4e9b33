# The two commands of README, and the rest of a developer's day. Each makes .venv first when it is missing or old.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
comma := ,
EXTRAS := offline,dev,wikipedia
NEWEST := .venv-newest
TORCH ?= torch==2.13.0

.PHONY: demo test real engines newest lock check slow soak bench bench-check evaluate evaluate-full compare clean

demo: $(STAMP)
	$(BIN)/kedit demo

test: $(STAMP)
	$(BIN)/python -m pytest -n auto

# Every route and every editor on SmolLM2, which `kedit models get smollm2` brings first; takes 8 GB of memory.
real: $(STAMP)
	$(BIN)/python -m pytest -m real -n 2 --dist=loadgroup tests/real

# What needs Milvus or Ray, with their packages, which are half a gigabyte.
engines: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint lock.txt --editable ".[milvus,ray]"
	$(BIN)/python -m pytest -m "not gpu" tests/engines tests/cli/test_engine.py tests/cli/test_spread.py tests/memory/test_shards.py

# The newest release of everything, in an environment of its own; deprecations of others are shown there, not fatal.
# torch stays, as a newer one installs gigabytes for graphics cards: `make newest TORCH=torch` lifts that.
newest:
	$(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager $(TORCH) --editable ".[$(EXTRAS)]"
	$(NEWEST)/bin/python -m pytest -n auto

# Renews lock.txt: exact versions of all that the environment above installs.
lock: $(STAMP)
	$(BIN)/python -m pip install --quiet "uv>=0.9"
	$(BIN)/uv pip compile --quiet --universal --upgrade --python-version 3.11 --no-annotate \
		$(foreach extra,$(subst $(comma), ,$(EXTRAS)),--extra $(extra)) --custom-compile-command "make lock" \
		--output-file lock.txt pyproject.toml

check: $(STAMP)
	scripts/check

slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

# Faults of every kind, 1,000 kills and losses of power each among them, then long runs of verbs and of broken inputs: about an hour on two cores.
soak: $(STAMP)
	mkdir -p build
	$(BIN)/python tests/faults/soak.py --kills 2000 --others 200 --json > build/soak.json; status=$$?; \
		$(BIN)/python scripts/reliability_report.py --rows build/soak.json --output docs/results/reliability.md && exit $$status
	$(BIN)/python -m pytest -m soak tests/faults

# How fast everything is, one part after the other; docs/results/speed.md is written from it and says how long each took.
# PEERS is the Python of an environment with other stores (pip install chromadb lancedb mem0ai txtai), without which
# none is measured; FLAGS=--quick takes small sizes. SmolLM2 comes by `kedit models get smollm2`.
bench: $(STAMP)
	$(BIN)/python scripts/bench.py $(or $(FLAGS),--full) $(if $(PEERS),--peers $(PEERS))

# The quick run once more: fails where a ratio is worse by more than a fifth than in the rows that `make bench` kept.
bench-check: $(STAMP)
	$(BIN)/python scripts/bench.py --check $(if $(PEERS),--peers $(PEERS))

# The main tasks in a small setting, with one report over all: build/evaluate/report.html. A run that was stopped goes on.
evaluate: $(STAMP)
	$(BIN)/python scripts/evaluate_all.py --output build/evaluate

# The same in the setting of published figures.
evaluate-full: $(STAMP)
	$(BIN)/python scripts/evaluate_all.py --setting full --output build/evaluate-full

# At most fifteen minutes on two cores; a run that was stopped goes on. What it keeps is in build/compare.
compare: $(STAMP)
	$(BIN)/python scripts/compare_editors.py --methods all --edits 10,20 --singles 10 --limit 5 --questions 5 \
		--output build/compare --page docs/results/compare-kedit-mini.md

# The lock holds for the build of the package too, which newer releases of pip read from a variable of its own.
$(STAMP): pyproject.toml lock.txt
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=lock.txt PIP_BUILD_CONSTRAINT=lock.txt \
		$(BIN)/python -m pip install --quiet --editable ".[$(EXTRAS)]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) $(NEWEST) build/compare build/evaluate build/evaluate-full
