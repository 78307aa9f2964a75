# Fanward. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO    ?= go
NPM   ?= npm
TOOL  := $(GO) tool -modfile=.ci/tools.mod
BIN   := bin/fanward
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/fanward/fanward/internal/obs.version=$(VERSION)
WEB_SOURCES := $(shell find web/console web/widget internal/locale/catalog -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/test-results/*' 2>/dev/null)

.PHONY: help
help: ## Explain every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

.PHONY: run
run: build ## Build and start with the shipped configuration
	./$(BIN) serve --config config.yaml

.PHONY: build
build: $(BIN) ## Build the console, the widget and the one binary

.PHONY: $(BIN)
$(BIN): web/.built
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/fanward

web/node_modules/.package-lock.json: web/package-lock.json
	@.ci/setup run
	cd web && $(NPM) ci --no-audit --no-fund
	@touch $@

web/.built: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && $(NPM) run build
	@touch $@

.PHONY: setup
setup: ## Install or name what the tests need (root installs, others are told)
	@.ci/setup test

.PHONY: test
test: setup build ## Everything short: linters, Go, front end, end to end
	@.ci/scratch $(MAKE) --no-print-directory test-lanes

# Two lanes side by side, as long as each other.
.PHONY: test-lanes
test-lanes:
	@$(MAKE) --no-print-directory lint test-go & go=$$!; ended=0; \
	$(MAKE) --no-print-directory generate-check test-web test-e2e test-race || ended=1; \
	wait $$go || ended=1; exit $$ended

# Lint vets everything once; nobody debugs a test's program.
TEST := FANWARD_TEST_STRICT=1 $(GO) test -vet=off -ldflags=-w -timeout 10m

.PHONY: test-go
test-go: ## Go tests on real engines but for those of test-race; nothing may be skipped
	$(TEST) $$($(GO) list ./... | grep -vxF "$$($(GO) list $(RACING))")
	FANWARD_TEST_PGBOUNCER=1 $(TEST) -run '^($(POOLED))$$/^postgres$$' ./channels/outbox ./inbox ./segments

# Those of the suites' tests in which most meets on PostgreSQL: every day they run
# behind PgBouncer, too. In the long run whole suites do.
POOLED := TestTwoDispatchers|TestSleeperSendsOnce|TestConcurrentMessagesAreOneOrder|TestConcurrentRepeatsAreOneMessage|TestIdentifyWhileMessagesCome|TestManyAtOnce

.PHONY: test-race
test-race: ## The Go tests whose goroutines meet, under the race detector
	$(TEST) $(RACE) $(RACING)

# The detector watches all but SQLite itself, translated from C and run by one
# goroutine for each connection: watching it, too, takes three times as long.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false

# The packages whose goroutines meet.
RACING := ./internal/auth ./internal/bus ./internal/clock ./internal/files ./internal/ids ./internal/jobs ./internal/seal ./internal/store ./channels/outbox ./channels/wechat/... ./web/realtime

.PHONY: test-web
test-web: web/.built ## Types and unit tests of the console and the widget
	cd web && $(NPM) run typecheck && $(NPM) test

.PHONY: test-e2e
test-e2e: build ## Visitors and teammates in a real browser against the built binary
	cd web/e2e && FANWARD_BIN=$(CURDIR)/$(BIN) npx playwright test

.PHONY: test-cluster
test-cluster: build ## Every browser story on two nodes, with and without Redis, and with either node killed
	$(call cluster,,)
	$(call cluster,FANWARD_E2E_REDIS=stopped,)
	$(call cluster,FANWARD_E2E_KILL=agents,)
	$(call cluster,FANWARD_E2E_KILL=visitors,)

# cluster runs stories on two nodes: $(1) are variables, $(2) are options.
cluster = cd web/e2e && FANWARD_E2E_NODES=2 $(1) FANWARD_BIN=$(CURDIR)/$(BIN) npx playwright test $(2)

.PHONY: lint
lint: ## Formatting, vet, staticcheck and the floors
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) depguard ./...
	$(GO) mod tidy -diff

.PHONY: generate
generate: web/node_modules/.package-lock.json ## Write the front end's types from the OpenAPI document
	$(GO) run ./cmd/fanward openapi > web/console/openapi.json
	cd web/console && npx openapi-typescript openapi.json -o openapi.d.ts && rm openapi.json
	@cd web/console && if cmp -s openapi.d.ts src/api/schema.d.ts; then rm openapi.d.ts; else mv openapi.d.ts src/api/schema.d.ts; fi

.PHONY: generate-check
generate-check: generate ## Fail when the generated types are not committed
	git diff --exit-code -- web/console/src/api/schema.d.ts

.PHONY: bench
bench: build ## Measure against the numbers of the design
	$(GO) run ./bench -bin $(BIN)

.PHONY: bench-cluster
bench-cluster: build ## The same on PostgreSQL + Redis, with NODES nodes (3)
	$(GO) run ./bench -bin $(BIN) -nodes $(or $(NODES),3)

.PHONY: bench-growth
bench-growth: build ## What grows with the data, with PEOPLE customers (10000, 100000, 1000000), on NODES nodes (0: SQLite)
	for n in $(or $(PEOPLE),10000 100000 1000000); do $(GO) run ./bench -bin $(BIN) -only segments,journeys -people $$n -nodes $(or $(NODES),0); done

.PHONY: soak
soak: setup build ## The long runs, about an hour and a half: crashes, faults, upgrades, whole suites behind PgBouncer, the browser stories again and again, the cluster, fuzzing
	@$(MAKE) --no-print-directory soak-go & go=$$!; ended=0; \
	$(MAKE) --no-print-directory soak-web || ended=1; \
	wait $$go || ended=1; exit $$ended

.PHONY: soak-go
soak-go: ## The half of soak that needs no browser
	FANWARD_TEST_STRICT=1 FANWARD_SOAK=1 $(GO) test -timeout 60m -count=1 ./cmd/fanward ./customers ./internal/clustertest ./internal/crashtest/... ./internal/faulttest/... ./internal/store/... ./segments/...
	FANWARD_TEST_STRICT=1 FANWARD_TEST_PGBOUNCER=1 $(GO) test -timeout 60m -count=1 ./channels/outbox ./inbox ./segments ./journeys ./internal/store/...
	FANWARD_TEST_STRICT=1 $(GO) test -timeout 60m $(RACE) ./customers ./inbox ./segments ./journeys
	.ci/fuzz 60s

.PHONY: soak-web
soak-web: build ## The half of soak in a browser
	cd web/e2e && FANWARD_BIN=$(CURDIR)/$(BIN) npx playwright test --repeat-each 3
	cd web/e2e && FANWARD_SOAK=1 FANWARD_SDK_CALLS=10000 FANWARD_BIN=$(CURDIR)/$(BIN) npx playwright test --grep '@long|@segment|@rudderstack'
	$(MAKE) --no-print-directory test-cluster
	.ci/walk

.PHONY: fmt
fmt: ## Format the Go code
	gofmt -w $$(git ls-files '*.go')

.PHONY: clean
clean: ## Remove what was built, not the data
	rm -rf bin web/.built web/console/dist/assets web/console/dist/index.html web/widget/dist/widget.js
