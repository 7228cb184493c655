# Two commands do it all on a fresh Debian machine: `make demo` and `make test`.
# Each target brings what it needs and says so; run as root, or as a user with sudo who may use Docker.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MOLECULE_GLOB := molecule/*/molecule.yml

PYTHON ?= 3.11
MACHINE ?= x86_64
STEPS = .venv/bin/python .ci/steps.py

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

.PHONY: setup
setup: ## Install all that the other targets need
	@.ci/setup tools servers engine

.PHONY: tools
tools:
	@.ci/setup tools

.PHONY: demo
demo: tools ## Provision a mail host in a container and show what becomes of clean, infected and spam mail
	@.ci/setup engine
	@.venv/bin/python molecule/demo/run.py

.PHONY: demo-clean
demo-clean: tools ## Remove the host of `make demo`
	@molecule destroy -s demo

.PHONY: test
test: setup ## Run everything that continuous integration runs
	@$(STEPS) test

.PHONY: lint
lint: tools ## ruff, mypy --strict, yamllint, ansible-lint, changelog, role READMEs, items covered by tests
	@$(STEPS) lint

.PHONY: unit
unit: tools ## Tests of the roles' definitions, and of the modules on the real Postfix and ClamAV
	@.ci/setup servers
	@$(STEPS) unit

.PHONY: daemon-test
daemon-test: tools ## Tests of the daemon, with real clamd and spamd
	@.ci/setup servers
	@$(STEPS) daemon

.PHONY: sanity
sanity: tools ## ansible-test sanity and units of the collection
	@$(STEPS) sanity

.PHONY: molecule
molecule: tools ## Whole hosts, all scenarios that CI runs; one of them with SCENARIO=name
	@.ci/setup engine
	@$(STEPS) $(if $(SCENARIO),scenario=$(SCENARIO),molecule)

.PHONY: bench
bench: tools ## Measure mailcordon and amavisd-new on the same mails (an hour, root, idle machine; ARGS="--help")
	@.ci/setup servers peer
	@cd daemon && python -m bench --json ../build/bench.json $(ARGS)

.PHONY: collection
collection: tools ## Build the collection's tarball (build/tarball)
	@molecule/shared/install-collection
	@ls build/tarball/*.tar.gz

.PHONY: ee
ee: tools ## Render the build context of an image for AWX (build/execution-environment/context)
	@.ci/execution-environment
	@ls -d build/execution-environment/context

.PHONY: wheelhouse
wheelhouse: tools ## Collect the daemon's wheels for offline hosts (build/wheelhouse, PYTHON=3.11, MACHINE=x86_64)
	@molecule/shared/install-collection
	@ANSIBLE_COLLECTIONS_PATH=build/collections ansible localhost -m mailcordon.gateway.wheelhouse -a \
		"project=$(CURDIR)/daemon requirements=$(CURDIR)/daemon/requirements.lock dest=$(CURDIR)/build/wheelhouse \
		target_python=$(PYTHON) target_machine=$(MACHINE)"

.PHONY: test-all
test-all: setup ## `make test`, then every further scenario and the long tests
	@$(STEPS) test-all

.PHONY: fuzz
fuzz: tools ## Feed mail server, MIME splitter, decoders and their programs with what fuzzers invent, ten minutes each
	@.ci/setup servers
	@$(STEPS) fuzz

.PHONY: lock
lock: tools ## Pin the tools, the daemon's dependencies and its build tools anew
	@uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command 'make lock' requirements-dev.in -o requirements-dev.txt
	@cd daemon && uv pip compile -q --upgrade --python-version 3.11 --generate-hashes \
		--custom-compile-command 'make lock' pyproject.toml -o requirements.lock
	@cd daemon && python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' | \
		uv pip compile -q --upgrade --python-version 3.11 --generate-hashes \
		--custom-compile-command 'make lock' - -o requirements-build.lock

.PHONY: clean
clean: ## Remove test hosts and all that was built here
	@if command -v molecule >/dev/null && docker info >/dev/null 2>&1; then molecule reset 2>/dev/null; molecule destroy --all; fi
	@rm -rf build .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .ansible .cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
