# make run            set up and start a campus on this machine (PORT=8000 DATA=data)
# make test           set up and run every test that this machine can run (ARGS="-k roster" to choose)
# make lint           ruff and mypy, as CI runs them
# make bench          measure this machine side by side (ARGS="marking latency" to choose); writes bench/results
# make images         build the container images (ARGS="lab-cpu hub" to choose)
# make lock           make the lock files anew (needs uv and npm)
PORT ?= 8000
DATA ?= data
ARGS ?=

.PHONY: run test lint bench images format lock
run:
	@scripts/setup run
	@exec .venv/bin/bitgoeul up --demo --port "$(PORT)" --data "$(DATA)"

test:
	@scripts/setup dev
	@.venv/bin/python -m pytest $(ARGS)

lint:
	@scripts/setup dev
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

bench:
	@scripts/setup dev
	@.venv/bin/python -m bench $(ARGS)

images:
	@images/build $(ARGS)

format:
	@scripts/setup dev
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

lock:
	@scripts/lock
