# One command is the truth: what CI runs (`.ci/run`) is what a person runs (`make test`).
SHELL := /bin/sh
VENV  := .venv/bin
# The long ones first and the short ones last, so that no process waits at the end for another.
TESTS := $(wildcard tests/e2e tests/integration tests/contract tests/unit)
# Tests of a stage or a server mostly wait for it: three processes keep two processors busy. A file stays in one process.
ABREAST := -n 3 --dist loadfile --no-loadscope-reorder
# Programs of packages by `python -m`: their own scripts name the interpreter by its whole path, which a shell reads.
PYTEST_ARGS ?=
DEMO_ARGS   ?=
BENCH_ARGS  ?=
SCENARIOS   ?=
CHAOS_ARGS  ?=
ORACLE_ARGS ?=
EXAMPLES ?=
REPLAY_ARGS ?=
OPERATIONS_ARGS ?=
DATABASES_ARGS ?=
CHART_ARGS  ?=
CLUSTER_ARGS ?=
WALK_ARGS   ?=
IMAGES_ARGS ?=
COMPILED_ARGS ?=
export LOCK_ARGS ?=
# Tests and the demonstration start hundreds of processes. Where an image forbids bytecode, each compiles a thousand modules anew: 1.6 s.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help setup demo test model oracle-proof chaos replay-proof operations-proof databases-proof mysql-proof chart-render chart-proof chart-cluster images-context images images-proof bundle bundle-proof bench path-proof walk-proof examples-proof compiled compiled-proof lint lock notice wheels clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  DEMO_ARGS, PYTEST_ARGS, BENCH_ARGS='…' and CHAOS_ARGS='…' (--changes N --seed N --keep) are handed on"

setup: ## prepare this checkout: .venv and .yibao (repeatable; the second time takes no second)
	@deploy/setup.sh

demo: setup ## run the whole flow on this machine: hospital, capture, join, deliver, platform
	@$(VENV)/yibao demo $(DEMO_ARGS)

test: lint ## everything that CI checks
	$(VENV)/python -m pytest $(ABREAST) $(TESTS) $(PYTEST_ARGS)

model: setup ## run the lanes' protocol as a model, thousands of courses by chance (half an hour; MODEL_EXAMPLES=300 for fewer)
	HYPOTHESIS_PROFILE=long $(VENV)/python -m pytest $(ABREAST) tests/unit/streams/lanes/deliver/test_model.py tests/unit/streams/lanes/deliver/test_aside_model.py tests/unit/streams/lanes/deliver/test_renewed_model.py tests/unit/streams/lanes/join/test_model.py $(PYTEST_ARGS)

oracle-proof: setup ## hold place and join against naive oracles, 124,000 random courses (an hour; ORACLE_ARGS='--first 20000' to go on)
	@$(VENV)/python -m tests.oracle.headers
	@$(VENV)/python -m tests.oracle.moves
	@$(VENV)/python -m tests.oracle.asides
	@$(VENV)/python -m tests.oracle.claims
	@$(VENV)/python -m tests.oracle.collisions
	@$(VENV)/python -m tests.oracle.by_night
	@$(VENV)/python -m tests.oracle.counting
	@$(VENV)/python -m tests.oracle.linked
	@$(VENV)/python -m tests.oracle.sums
	@$(VENV)/python -m tests.oracle.corrections
	@$(VENV)/python -m tests.oracle.several_roles
	@$(VENV)/python -m tests.oracle.renumbered
	@$(VENV)/python -m tests.oracle $(ORACLE_ARGS)

chaos: setup ## run the flow through faults, before a strict judge (about an hour; SCENARIOS='zombie broker-kill' for some)
	@$(VENV)/python -m tests.chaos $(SCENARIOS) $(CHAOS_ARGS)

replay-proof: setup ## bad letters by the thousand and the way back, on the real stack, through kills (some minutes; REPLAY_ARGS='--visits 60')
	@$(VENV)/python -m tests.replay $(REPLAY_ARGS)

operations-proof: setup ## what an operator does at night, on the real stack (some minutes; OPERATIONS_ARGS='lag doctor' for some)
	@$(VENV)/python -m tests.operations $(OPERATIONS_ARGS)

databases-proof: setup ## capture from a real MariaDB, from nothing to records, through kills (some minutes; fetches server and connector)
	@$(VENV)/python deploy/databases.py
	$(VENV)/python -m pytest tests/databases --ignore tests/databases/test_mysql.py $(DATABASES_ARGS)

mysql-proof: setup ## the same from a real MySQL, which Debian has in its unstable distribution alone (some minutes)
	@$(VENV)/python deploy/databases.py
	@$(VENV)/python deploy/mysql_server.py
	$(VENV)/python -m pytest -n 0 tests/databases/test_mysql.py $(DATABASES_ARGS)

chart-render: setup ## prove the chart with Helm 3 and 4, for Kubernetes 1.23 to 1.37, without a cluster (some minutes; CHART_ARGS='-k dmz')
	@$(VENV)/python deploy/chart_tools.py
	$(VENV)/python -m pytest -n 2 --dist loadfile tests/chart $(CHART_ARGS)

chart-proof: chart-render ## chart, images and bundle: rendered, built, run by runc, installed with the network shut; as root (half an hour)
	@$(VENV)/python -m tests.chart.readers
	@$(VENV)/python -m tests.images $(IMAGES_ARGS)
	@$(VENV)/python deploy/bundle.py
	@$(VENV)/python -m tests.images.bundled

chart-cluster: setup ## install, upgrade and take away the chart on a real kube-apiserver, built the first time (20 minutes; CLUSTER_ARGS='4 --keep')
	@$(VENV)/python -m tests.cluster $(CLUSTER_ARGS)

images-context: setup ## gather in build/images what the images are built from: then any builder needs no network (IMAGES_ARGS=aarch64)
	@$(VENV)/python deploy/images.py context $(IMAGES_ARGS)

images: setup ## build the images without a Docker engine, as root (docs/images.md)
	@$(VENV)/python deploy/images.py build

images-proof: setup ## build the images, look at them, and run the whole flow from them by runc, as root (some minutes; IMAGES_ARGS=--built, --pods)
	@$(VENV)/python -m tests.images $(IMAGES_ARGS)

bundle: setup ## pack dist/yibao-cdc-….tar for a site without a network: images, chart, wheels, jars, SBOM, checksums
	@$(VENV)/python deploy/bundle.py

bundle-proof: setup ## unpack the bundle with the network shut, verify it, and install from it (after make bundle)
	@$(VENV)/python -m tests.images.bundled

bench: setup ## measure throughput and write build/bench.json (BENCH_ARGS='whole --rounds 5')
	@$(VENV)/python -m tests.bench $(BENCH_ARGS)

path-proof: setup ## prove that a checkout works in an awkward path, and writes nowhere else (about 4 minutes)
	@$(VENV)/python -m tests.path_proof $(DEMO_ARGS)

walk-proof: setup ## walk the README's section about a site, and the guide's ways out of disasters, on stacks of their own (minutes; WALK_ARGS='kafka_lost')
	@$(VENV)/python -m tests.walk $(WALK_ARGS)

examples-proof: setup ## every example of deploy/examples from rows to accepted records, held against its own SQL (minutes; EXAMPLES='clinic' for some)
	@$(VENV)/python -m tests.examples $(EXAMPLES)

lint: setup ## style, format, types, import contracts
	$(VENV)/python -m ruff check .
	$(VENV)/python -m ruff format --check .
	$(VENV)/python -m mypy
	@$(VENV)/python -c 'from importlinter.cli import lint_imports_command as lint; lint()'

lock: ## pin everything anew: both requirements*.lock, the jars' checksums, NOTICE (LOCK_ARGS='--upgrade'; takes uv into .venv)
	@deploy/lock.sh

notice: setup ## write NOTICE: the licence of every package and jar that is locked
	@$(VENV)/python deploy/notice.py

wheels: setup ## build dist/: the product's wheel, and the sandbox's beside it
	@$(VENV)/python deploy/wheels.py

compiled: setup ## build the wheel whose core is compiled by mypyc, and build/compiled/checkout, which runs it (some minutes)
	@$(VENV)/python deploy/compiled.py

compiled-proof: setup ## hold the compiled core against the same tests, oracles and chaos, and its bytes against those of Python (an hour)
	@$(VENV)/python -m tests.compiled $(COMPILED_ARGS)

clean: ## stop what runs; remove .venv, .yibao and caches, and what is ours elsewhere (docs/machine.md)
	@if [ -n "$$(ls -A .yibao/demo 2>/dev/null)" ] && [ -x $(VENV)/yibao ]; then $(VENV)/yibao demo --stop; fi
	@if $(VENV)/python -c 'import sandbox.stack' 2>/dev/null; then $(VENV)/python deploy/clean.py; \
	elif [ -n "$$(find .yibao -name '*.process' 2>/dev/null)" ]; then \
	    echo "error: servers of this checkout may still run, and .venv, which stops them, is gone: make setup, then: make clean" >&2; exit 2; \
	fi
	rm -rf .venv .yibao .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
