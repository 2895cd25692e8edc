# `make` prints the verbs. Each does all of its own set-up on a machine with Python 3.11 or newer; what is done
# already is remembered by stamps in .make/. ARGS goes to the program behind the verb: make test ARGS="-k quota".
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

BIN := .venv/bin
DONE := .make
UI := analytics/ui
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_USER := 0
export PYTHONUTF8 := 1

# Processes of `make test`; 0: its own alone, as --pdb wants it. Tests wait for servers of theirs, which want cores, too.
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 1); echo $$((n < 4 ? n : 4)))

# Asked only when the environment is made.
PYTHON ?= $(shell tools/fastest-python)

# What the built page is made of. Sorted, so that the list itself is stable.
UI_SOURCES := $(sort $(shell find $(UI) analytics/views \( -name node_modules -o -name dist -o -name __pycache__ \) -prune \
	-o -type f ! -name '*.py' -print 2>/dev/null) \
	$(wildcard extender/*/*.zh.json extender/plugins/*/*.zh.json analytics/*/*.zh.json))

# What compiled kernels are made of; only what has changed is compiled again.
KERNEL_SOURCES := $(sort $(wildcard extender/native/*.py extender/framework/*.py extender/wire/*.py extender/plugins/*/*.py))

.PHONY: help setup demo test check fmt bench bench-store e2e ui images clean control-plane

help: ## print the verbs
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(DONE)/venv $(DONE)/kernels $(DONE)/ui ## Python environment and console page: leaves .venv/bin/trimtab

demo: setup ## a simulated cluster, the extender, the sidecar and the live page, until Ctrl-C
	@$(BIN)/trimtab demo $(ARGS)

test: setup control-plane ## every test: unit, property, parity, contract, browser, and e2e where a control plane can be had
	@$(BIN)/pytest --numprocesses=$(JOBS) $(ARGS)

check: setup ## format, lint, types, layers; the page's types and lint
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy extender analytics tests benchmarks
	@$(BIN)/lint-imports --no-logo
	@cd $(UI) && ../../tools/with-node npm run --silent check

fmt: $(DONE)/venv ## format, and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup ## measure beside a Go extender and a C floor, judge every figure, write benchmarks/results/latest.json and .svg
	@$(BIN)/python -m benchmarks $(ARGS)

bench-store: setup ## fill the decision store to ten million, and judge how soon pages answer (ARGS="--decisions 1000000")
	@$(BIN)/python -m benchmarks.store $(ARGS)

e2e: setup ## only the tests against a real etcd, kube-apiserver and kube-scheduler (builds them with Go)
	@TRIMTAB_CONTROL_PLANE=require tests/e2e/build.sh
	@TRIMTAB_CONTROL_PLANE=require $(BIN)/pytest tests/e2e $(ARGS)

ui: $(DONE)/ui ## build the console page into analytics/ui/dist

images: ## container images: not yet
	@echo 'make images: there is no image yet; images, the Helm chart and TLS come with an issue of their own.' >&2
	@echo 'Until then deploy/README.md says what an image has to hold.' >&2
	@exit 1

clean: ## remove everything that the other verbs made here (the built control plane stays in the cache folder)
	rm -rf .venv $(DONE) $(UI)/node_modules $(UI)/dist build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find extender analytics tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The control plane is built once per machine, outside the checkout; without Go the e2e tests say that they are skipped.
control-plane:
	@tests/e2e/build.sh

$(DONE)/venv: requirements/dev.lock pyproject.toml
	@echo 'Python environment: .venv, from requirements/dev.lock'
	@$(BIN)/python -c '' 2>/dev/null || { python='$(PYTHON)' && \
	test -n "$$python" || { echo 'make: Python 3.11 or newer is needed; name one with make PYTHON=/path/to/python3' >&2; exit 1; }; \
	rm -rf .venv && echo "with $$python" && "$$python" -m venv .venv; }
	@$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
# Where PYTHONDONTWRITEBYTECODE is set, every start of a program would compile all of it again: a second and more. Some
# packages carry files that no Python of ours can read.
	@$(BIN)/python -m compileall -q -j 0 .venv/lib extender analytics >/dev/null || true
	@mkdir -p $(DONE) && touch $@

# Without a C compiler the first start links in memory: slower, else the same.
$(DONE)/kernels: $(DONE)/venv $(KERNEL_SOURCES)
	@echo 'Kernels: compiling into the user'"'"'s cache folder'
	@$(BIN)/trimtab kernels build || true
	@touch $@

$(DONE)/node_modules: $(UI)/package.json $(UI)/package-lock.json tools/with-node
	@echo 'Page: packages from package-lock.json'
	@cd $(UI) && ../../tools/with-node npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@mkdir -p $(DONE) && touch $@

$(DONE)/ui: $(DONE)/node_modules $(UI_SOURCES)
	@echo 'Page: building analytics/ui/dist'
	@cd $(UI) && ../../tools/with-node npm run --silent build -- --logLevel warn
	@mkdir -p $(DONE) && touch $@
