# Every door of this project. `make help` lists them; what takes more than a line is in scripts/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
# Some of scripts/ are Python; a fresh machine may have none.
python = command -v python3 >/dev/null || scripts/install-packages python

.PHONY: help build run test test-unit test-privileged test-e2e test-vm bench fmt check generate docs stop clean

help: ## List what can be made
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  \1|\2/' | column -t -s '|'

build: ## Build the release programs into dist/ (the first time takes 10 to 15 minutes)
	@scripts/install-packages build
	scripts/build

run: ## From a fresh machine to three ready replicas: build, start the node, apply examples/deployment.yaml
	@scripts/run

test: ## All tiers, with one line of counts at the end
	@$(python)
	scripts/test unit fuzz privileged e2e vm

test-unit: ## Tests that run on any machine, without root
	@$(python)
	scripts/test unit fuzz

test-privileged: ## Tests with real namespaces, cgroups and networks on this machine; need root
	@$(python)
	scripts/test privileged

test-e2e: ## A node is started and driven by kubectl and by our own command line; needs root
	@$(python)
	scripts/test e2e

test-commands: ## Every kubectl command, old and new, against its transcripts (a part of test-e2e)
	scripts/fetch-clients
	swift test --filter 'EndToEndTests.EndToEnd/Commands'

test-vm: ## Real cgroup v2 limits, in a virtual machine with Debian's kernel
	@$(python)
	scripts/test vm

bench: ## Measure this machine and write docs/benchmarks.md
	@scripts/bench

fmt: ## Format all Swift and C sources
	@scripts/format --in-place

check: ## Format, layers and warnings: everything that a review should not have to say
	@$(python)
	scripts/format --check
	scripts/check-layers
	scripts/check-warnings
	scripts/supported --check

generate: ## Generate the API's Swift types from api/*.json, and docs/supported.md
	@$(python)
	scripts/generate-api
	scripts/supported

docs: ## Build the documentation of the libraries into .build/docs
	@scripts/docs

stop: ## Take the node, its pods and all that it has made away
	@scripts/stop

clean: ## Remove what was built (not a running node: make stop)
	rm -rf .build .build-static dist
