# Everything a person does here; `make` lists it. Needs Python 3.11 or newer, and nothing else on the machine.
# Paths are quoted throughout: the project may live in a folder whose name has spaces.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Many processes are started here: what Python compiled for one is kept for all, even where the environment forbids it.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
COMPOSE := docker compose --file deploy/compose.yaml
# More options for one run, e.g. make test ARGS="tests/chassis -k outbox"
ARGS ?=

.PHONY: help install demo up test check types lint format imports schema-drift asyncapi-drift migrations-drift \
	readme-commands bench migrate schema asyncapi contracts lock clean images compose-up compose-demo compose-down \
	test-containers test-delivery test-containers-again test-collector drill

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/p' Makefile | expand -t 25

install: ## make .venv with exactly what requirements.lock names (instant when nothing changed)
	@if [ -x $(BIN)/python ] && [ .venv/.installed -nt pyproject.toml ] && [ .venv/.installed -nt requirements.lock ]
	then echo 0 > .venv/.install_seconds; exit; fi
	started=$$(date +%s%N)
	usable() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1; }
	if ! { [ -x $(BIN)/python ] && usable $(BIN)/python; }; then
		python=
		candidates=(python3.13 python3.12 python3.11 python3 python python3.14)
		[ -z "$${PYTHON:-}" ] || candidates=("$$PYTHON")
		for candidate in "$${candidates[@]}"; do
			if usable "$$candidate"; then python=$$candidate; break; fi
		done
		if [ -z "$$python" ]; then
			echo "Viceversa needs Python 3.11 or newer; looked for $${candidates[*]} and found none." >&2
			echo "Install one, or name it: make install PYTHON=/path/to/python3.11" >&2
			exit 1
		fi
		rm -rf .venv
		echo "making .venv with $$("$$python" --version)"
		# The system's pip, when there is one, saves unpacking another into .venv.
		"$$python" -m venv --without-pip .venv
		"$$python" -m pip --python $(BIN)/python --version > /dev/null 2>&1 || "$$python" -m venv .venv || {
			echo "$$python has neither pip nor ensurepip; name a complete Python: make install PYTHON=…" >&2; exit 1; }
	fi
	locked=$$(sed -nE 's/^uv==([0-9.]+).*/\1/p' requirements.lock)
	if [ "$$($(BIN)/uv --version 2> /dev/null | cut -d' ' -f2)" != "$$locked" ]; then
		echo "installing uv $$locked"
		pip=("$${python:-$(BIN)/python}" -m pip)
		"$${pip[@]}" --version > /dev/null 2>&1 || pip=($(BIN)/python -m pip)
		"$${pip[@]}" --version > /dev/null 2>&1 || $(BIN)/python -m ensurepip > /dev/null
		sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.lock
		"$${pip[@]}" --quiet --disable-pip-version-check --python $(BIN)/python \
			install --require-hashes --no-deps --only-binary :all: -r .venv/uv.lock
		rm .venv/uv.lock
	fi
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch .venv/.installed
	took=$$(( ($$(date +%s%N) - started) / 100000000 ))
	echo "$$((took / 10)).$$((took % 10))" > .venv/.install_seconds
	echo "installed in $$(cat .venv/.install_seconds) s"

demo: install ## watch a joint cohort go from spreadsheets to two-way learning, then clean up
	@$(BIN)/viceversa demo $(ARGS)

up: install ## start the whole platform, stay up, keep the data between starts
	@$(BIN)/viceversa up $(ARGS)

# A worker has its own PostgreSQL and broker, and takes whole files; a part named by ARGS runs in one process.
test: install ## run the tests; ARGS="tests/chassis -k outbox" narrows them
	@$(BIN)/python -m pytest $(or $(ARGS),--numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder)

# On containers a worker has its own PostgreSQL and Kafka, too, and takes whole files: the one with the whole platform first, it takes longest.
DELIVERY := $(patsubst %,tests/chassis/test_%.py,consumer health outbox parking inbox replay) tests/containers/test_broker.py
ON_CONTAINERS := VICEVERSA_TEST_INFRASTRUCTURE=containers $(BIN)/python -m pytest

test-containers: install ## run the delivery tests on Apache Kafka and PostgreSQL in containers, and the images themselves
	@$(ON_CONTAINERS) $(or $(ARGS),--numprocesses 3 --dist loadfile --no-loadscope-reorder \
		tests/containers/test_platform.py $(DELIVERY) tests/containers/test_images.py)

test-delivery: install ## run the delivery tests alone on containers: they need none of our images
	@$(ON_CONTAINERS) --numprocesses 2 --dist loadfile --no-loadscope-reorder $(DELIVERY) $(ARGS)

test-containers-again: install ## run what failed on containers again, one after the other
	@$(ON_CONTAINERS) --last-failed --last-failed-no-failures none $(DELIVERY) tests/containers $(ARGS)

test-collector: ## build the collector that the tests on containers send traces to: minutes, once
	@docker build --tag viceversa/tests-collector:0.156.0 tests/containers/collector

drill: install ## break a running platform under load and see whether anything is lost: make drill KILLS=20 SEED=7
	@$(BIN)/python -m tests.drill --kills $(or $(KILLS),20) $(if $(SEED),--seed $(SEED)) $(if $(TARGET),--target $(TARGET)) $(ARGS)

images: install ## build an image of every deployable, and of the `viceversa` command
	@settings=$$(mktemp)
	trap 'rm -f "$$settings"' EXIT
	$(BIN)/viceversa settings --trial > "$$settings" # the compose file asks for secrets, even to build
	$(COMPOSE) --env-file "$$settings" $(if $(wildcard deploy/.env),--env-file deploy/.env) \
		build provision profiles matching feedback notifications gateway # all jobs have one image

compose-up: install ## start the whole platform as containers, with what a trial needs: tokens, a mail catcher, traces
	@[ -e deploy/.env ] || { (umask 077; $(BIN)/viceversa settings --trial > deploy/.env); echo "wrote deploy/.env with fresh secrets"; }
	collector=$$($(COMPOSE) --profile trial config --images | grep collector)
	without=
	docker image inspect "$$collector" > /dev/null 2>&1 || docker pull --quiet "$$collector" 2> /dev/null || {
		echo "$$collector cannot be fetched here: traces go nowhere" >&2
		without=$$($(COMPOSE) --profile trial config --services | grep -v collector)
	}
	$(COMPOSE) --profile trial up --build --detach --wait $$without
	echo "GraphQL is at http://127.0.0.1:$${VICEVERSA_PORT:-8000}/graphql; make compose-demo brings people"

compose-demo: ## load the demonstration's cohort into the platform that compose-up started
	@$(COMPOSE) run --rm demo

compose-down: ## stop what compose-up started and forget its data; ARGS=--volumes=false keeps it
	@$(COMPOSE) --profile trial --profile demo --profile operate down --remove-orphans $(or $(ARGS),--volumes)

check: types lint imports schema-drift asyncapi-drift migrations-drift readme-commands ## run every check that is not a test

types: install ## check the types, strictly
	@$(BIN)/python -m mypy $(ARGS)

lint: install ## check style and formatting, the Dockerfile and the compose file
	@$(BIN)/ruff check $(ARGS) .
	$(BIN)/hadolint deploy/Dockerfile tests/containers/collector/Dockerfile
	$(BIN)/compose-lint check --config deploy/compose-lint.yaml --strict-config --skip-suppressed --fail-on low --quiet deploy/compose.yaml
	$(BIN)/ruff format --check --quiet . || { echo "some files are not formatted; run: make format" >&2; exit 1; }

format: install ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

imports: install ## check the architecture's import rules (.importlinter)
	@$(BIN)/lint-imports $(ARGS)

schema-drift: install ## check that gateway/schema.graphql is what the code exports
	@$(BIN)/viceversa schema --check

asyncapi-drift: install ## check that the AsyncAPI document is what the contracts say
	@$(BIN)/viceversa asyncapi --check

migrations-drift: install ## check that the migrations make the tables that the stores declare
	@$(BIN)/viceversa migrate --check

readme-commands: install ## check that every command in README.md and CONTRIBUTING.md exists
	@$(BIN)/python -m pytest --quiet tests/test_house.py -k "documented"

bench: install ## run every benchmark; ARGS=relay runs one
	@for name in $(or $(ARGS),$(basename $(notdir $(shell grep -l '"RESULT' benchmarks/*.py)))); do
		echo "== $$name"; $(BIN)/python -m "benchmarks.$$name"
	done

migrate: install ## bring the databases named in the environment up to date
	@$(BIN)/viceversa migrate $(ARGS)

schema: install ## write gateway/schema.graphql
	@$(BIN)/viceversa schema

asyncapi: install ## write the AsyncAPI document of every topic
	@$(BIN)/viceversa asyncapi

contracts: install ## land new messages: their golden examples and the schema that may only grow
	@$(BIN)/viceversa contracts

lock: install ## resolve the dependencies anew into requirements.lock (ARGS=--upgrade takes newer ones)
	@$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --universal --python-version 3.11 --fork-strategy fewest \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header $(ARGS) -o requirements.lock
	if grep -n '://' requirements.lock; then echo "requirements.lock names an address" >&2; exit 1; fi

clean: ## remove everything that was made here, data of `make up` included
	@rm -rf .venv .data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
