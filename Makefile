# Everything one does with this repository. `make help` lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

GO ?= go
TOOL := $(GO) tool -modfile=tools/go.mod
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)

# What go test runs, for example: make unit PKG=./store/...
PKG ?= ./...
TESTFLAGS ?= -race -shuffle=on -timeout 20m

# npm packages of the tests: axe-core, and the official SDKs.
NODE_MODULES := e2e/node_modules/.package-lock.json e2e/conformance/node_modules/.package-lock.json

.PHONY: help
help: ## list what there is
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## start the program with a private database and the sandbox; Ctrl-C stops it
	@exec ./bin/server serve

# Without cgo: one static binary, and no C compiler is needed.
.PHONY: build
build: ## build bin/server
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/server ./cmd/server

.PHONY: test
test: tools check ## install what the tests need, then check everything; CI runs this

.PHONY: check
check: fresh lint unit ## what must hold before a commit: generated code, format, vet, lint, all tests

.PHONY: unit
unit: $(NODE_MODULES) ## all Go tests with the race detector, browser tests included
	$(TOOL) gotestsum --format pkgname-and-test-fails -- $(TESTFLAGS) $(PKG)

.PHONY: e2e
e2e: $(NODE_MODULES) ## the browser tests alone
	$(TOOL) gotestsum --format testname -- -count=1 -timeout 20m ./e2e/...

# make unit does the same, shorter. The full disk is one in a mount namespace: root may make it, and whoever may make user namespaces.
.PHONY: torture
torture: ## kill, pause, cut off, fill up and flood, for long: what was answered 200 is stored, once
	TORTURE=long $(TOOL) gotestsum --format testname -- -count=1 -p 1 -parallel 1 -timeout 180m -run TestTorture ./e2e

# For example: make bench BENCHFLAGS='-print -rounds 1 -duration 3s -sustained 10s'
BENCHFLAGS ?=
.PHONY: bench
bench: ## measure the receiver as ratios to limits of this machine; fails when one is missed
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/bench ./e2e/bench
	bin/bench $(BENCHFLAGS)

.PHONY: generate
generate: ## regenerate *_templ.go from *.templ
	$(TOOL) templ generate

.PHONY: fresh
fresh: ## fail when generated code is stale
	scripts/fresh $(TOOL) templ generate

.PHONY: fmt
fmt: ## format Go and templ files
	$(TOOL) golangci-lint fmt
	$(TOOL) templ fmt .

.PHONY: lint
lint: ## vet, lint, and check the formatting and the shell scripts
	$(GO) vet ./...
	$(TOOL) golangci-lint run ./...
	$(TOOL) golangci-lint fmt --diff
	shellcheck scripts/* .ci/run

.PHONY: tools
tools: ## install what tests and linters need beside Go
	scripts/need cc node npm chromium shellcheck nginx haproxy pgbouncer

# npm writes this file last, so it is as new as the installed packages.
e2e/node_modules/.package-lock.json: e2e/package-lock.json e2e/package.json
	cd e2e && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

e2e/conformance/node_modules/.package-lock.json: e2e/conformance/package-lock.json e2e/conformance/package.json
	cd e2e/conformance && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: clean
clean: ## remove what builds and tests leave; data stays
	rm -rf bin build e2e/node_modules e2e/conformance/node_modules
