# What a person types, on a machine that has Python 3.11 or newer, make and a network. All else comes by itself: Python
# packages as locked with their hashes in requirements*.lock, Apache Kafka's jars likewise by services/embedded/broker.lock.
#   make run PORT=8100 VAR=var2   a second stack beside the first; ONCE=1 ends after the summary
#   make run PYTHON=python3.13    makes the virtual environment with another Python

PYTHON ?= python3
ARGS ?=
VAR ?= var
UPGRADE ?=
MINUTES ?= 30
SEED ?= 7
RATE ?= 50
DATABASE ?= sqlite
MUTATION ?=
QUICK ?=
BIN := .venv/bin
UV := $(BIN)/uv
RUNTIME := .venv/.runtime-installed
DEVELOPMENT := .venv/.development-installed

# Where it is set, each of the many processes would compile our modules anew: two seconds of a core, each time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test thorough lint format bench faults screenshots schemas lock .env clean distclean

help: ## lists what there is to make
	@awk -F ':.*## ' '/^[.a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: $(RUNTIME) ## starts everything on this machine, Apache Kafka included, and does the main job on the example conference
	@exec $(BIN)/lanyard run $(ARGS)

# They wait as much as they work: four workers, each with a broker of its own, share the files.
WORKERS := --numprocesses 4 --dist loadfile --no-loadscope-reorder

test: $(DEVELOPMENT) ## runs the tests, on a real broker; some of them: make test ARGS="tests/unit -k quota"
	@exec $(BIN)/pytest $(or $(ARGS),-m "not thorough" $(WORKERS))

thorough: $(DEVELOPMENT) ## runs the tests that take minutes: 2,000 delegates, everything killed in turn, all requests there may be
	@exec $(BIN)/pytest -m $(if $(QUICK),"thorough and not endurance",thorough) $(WORKERS)

lint: $(DEVELOPMENT) ## checks style, types, and that no part imports what it must not
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(DEVELOPMENT) ## lays the code out as lint wants it
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(DEVELOPMENT) ## measures the main paths, each beside its limit in the same run
	@exec $(BIN)/python -m bench $(ARGS)

faults: $(DEVELOPMENT) ## breaks everything on purpose and checks what was promised: MINUTES=30 SEED=7 DATABASE=postgresql MUTATION=list
	@exec $(BIN)/python -u -m tests.faults --minutes $(MINUTES) --seed $(SEED) --rate $(RATE) --database $(DATABASE) \
		--mutation "$(MUTATION)" $(ARGS)

screenshots: $(DEVELOPMENT) ## takes the README's pictures of the pages again
	@exec $(BIN)/python -m tests.browser.screenshots

schemas: $(RUNTIME) ## writes the events' JSON Schema and AsyncAPI files again
	@exec $(BIN)/lanyard schemas $(ARGS)

COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal --generate-hashes \
	--no-emit-index-url --python-version 3.11 $(UPGRADE)

lock: $(DEVELOPMENT) ## writes the lock files again, after a dependency was added; with the newest of all: make lock UPGRADE=--upgrade
	echo uv | $(COMPILE) --output-file requirements-uv.lock -
	$(COMPILE) --extra embedded --group build --output-file requirements.lock pyproject.toml
	$(COMPILE) --constraint requirements.lock --output-file requirements-image.lock pyproject.toml
	$(COMPILE) --extra embedded --group dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(BIN)/python -m services.embedded.jars

.env: ## adds the passwords that docker compose needs and .env has not yet
	@umask 077 && for name in POSTGRES $(addsuffix _KAFKA,ADMIN REGISTRATION BADGING NOTIFICATIONS PRINTER OPERATIONS); do \
		grep -qs "^$${name}_PASSWORD=" $@ || $(PYTHON) -c 'import secrets, sys; \
			print(sys.argv[1] + "_PASSWORD=" + secrets.token_hex(24))' $$name >> $@; done

clean: ## forgets what the stack on this machine stored: var/, or VAR=another
	@$(PYTHON) -c 'import fcntl, os, sys; lock = sys.argv[1] + "/lock"; \
		os.path.exists(lock) and fcntl.flock(open(lock), fcntl.LOCK_EX | fcntl.LOCK_NB)' "$(VAR)" 2>/dev/null \
		|| $(call give-up,A stack runs in $(VAR): stop it first.)
	rm -rf "$(VAR)"

distclean: clean ## forgets what was installed, too
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# --- the virtual environment, made once ------------------------------------------------------------------------------

# The developer's packages hold the runtime's, at the same versions.
$(DEVELOPMENT): requirements-dev.lock pyproject.toml | $(UV)
	@$(call install,requirements-dev.lock)
	@touch $(RUNTIME) $@

$(RUNTIME): requirements.lock pyproject.toml | $(UV)
	@$(call install,requirements.lock)
	@touch $@

$(UV): requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(call give-up,Lanyard needs Python 3.11 \
		or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true). Name another: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12)
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(call give-up,'$(PYTHON)' lacks the venv module: on Debian and \
		Ubuntu install the package python3-venv$(,) then run make $(MAKECMDGOALS) again.)
	@echo "Making the virtual environment .venv"
	@$(PYTHON) -m venv .venv && $(BIN)/pip install --quiet --require-hashes --requirement requirements-uv.lock || $(not-installed)
	@touch $@

# Compiled here, once: what is left uncompiled is compiled again by each process that may not write beside it.
# hatchling, which lays the project into the environment, is locked like the rest: nothing is fetched outside the locks.
install = echo "Installing the packages of $(1)" && \
	$(UV) pip install --python $(BIN)/python --quiet --compile-bytecode --require-hashes --requirement $(1) && \
	$(UV) pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable . || $(not-installed)

not-installed = $(call give-up,The packages could not be installed: the reason is above. Without a network$(,) connect it (behind a proxy \
	set HTTPS_PROXY); on a full disk$(,) free 2 GB. Then run make $(MAKECMDGOALS) again: it goes on where it stopped.)
give-up = { echo "$(strip $(1))" >&2; exit 1; }
, := ,
