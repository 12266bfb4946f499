# Every target with ## is listed by make help.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The product is pure Go; only make race needs a C compiler.
export CGO_ENABLED := 0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
ARGS ?=
NPM := $(shell command -v npm 2>/dev/null)

# Tools are built once for each version into .tools. A new version is a change of these lines.
GOLANGCI_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0
GOLANGCI := .tools/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
GOVULNCHECK := .tools/govulncheck-$(GOVULNCHECK_VERSION)/govulncheck

WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f ! -name '*.go' -print 2>/dev/null)
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | while IFS='|' read -r name does; do printf '  %-12s %s\n' "$$name" "$$does"; done

.PHONY: build
build: web ## build the dashboard and bin/folioscope
	go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/folioscope$(shell go env GOEXE) ./cmd/folioscope

.PHONY: sbom
sbom: build ## the bill of materials of bin/folioscope, as CycloneDX
	bin/folioscope version --sbom > bin/folioscope.cdx.json

.PHONY: run
run: build ## build, then start the demo on http://localhost:8080 (ARGS='--users 20')
	bin/folioscope demo $(ARGS)

.PHONY: dev
dev: build ## the demo with the dashboard served by Vite, which reloads as you type
	@if [ -z '$(NPM)' ]; then echo 'make dev needs Node 20 or later'; exit 1; fi
	@bin/folioscope demo $(ARGS) & demo=$$!; trap "kill $$demo" EXIT; npm --prefix web run dev

.PHONY: test
test: build ## install what the tests need, then run every test
	@scripts/test.sh

.PHONY: test-browser
test-browser: build ## the browser tests alone
	@scripts/test.sh browser

.PHONY: race
race: ## the Go tests with the race detector (needs a C compiler)
	@cc="$$(go env CC)"; if ! command -v "$${cc%% *}" >/dev/null; then echo "make race needs a C compiler, and there is no $$cc: install gcc or clang"; exit 1; fi
	mkdir -p .cache && go build -o .cache/withpg ./internal/pgtest/withpg
	CGO_ENABLED=1 .cache/withpg go test -race ./...

.PHONY: lint
lint: $(GOLANGCI) ## what machines can say about style, Go and web
	$(GOLANGCI) run ./...
ifdef NPM
	$(MAKE) --no-print-directory web/node_modules/.stamp
	npm --prefix web run lint
	npm --prefix web run check
else
	@echo 'no Node on this machine: the dashboard was not linted'
endif

.PHONY: generate
generate: ## write every generated file anew
	go generate ./...
	go -C test/deploy mod tidy # whose dependencies follow the product's
ifdef NPM
	$(MAKE) --no-print-directory web/node_modules/.stamp
	if [ -f web/openapi.json ]; then npm --prefix web run generate; fi
	go run ./scripts/notice
else
	@echo 'no Node on this machine: the API types of the dashboard and NOTICE were left as they are'
endif

.PHONY: bench
bench: ## the benchmarks that hold a promise, as ratios inside one run
	go test -run '^$$' -bench Ratio ./...

.PHONY: check
check: lint check-generated check-arch check-vulnerabilities check-platforms ## all that must hold beside the tests

.PHONY: check-long
check-long: build ## the long suites: 100,000 ledgers, fuzzing, kills, soak, Kubernetes (an hour or two; by hand or nightly)
	FOLIOSCOPE_LONG=1 GO_TEST_TIMEOUT=90m scripts/test.sh go browser kube
	scripts/fuzz.sh

.PHONY: check-generated
check-generated:
	@scripts/check-generated.sh

.PHONY: check-arch
check-arch:
	go vet ./...
	go test -count=1 ./internal/archtest

.PHONY: check-vulnerabilities
check-vulnerabilities: $(GOVULNCHECK)
	@scripts/check-vulnerabilities.sh $(GOVULNCHECK)

.PHONY: check-platforms
check-platforms:
	@for platform in $(PLATFORMS); do echo "build for $$platform"; GOOS=$${platform%/*} GOARCH=$${platform#*/} go build -o /dev/null ./cmd/folioscope; done

# The dashboard. Without Node the binary is built all the same and shows a placeholder.
.PHONY: web
ifdef NPM
web: web/dist/index.html
else
web:
	@echo 'no Node on this machine: building without the dashboard (a placeholder is shown in its place); install Node 20 or later for it'
endif

web/node_modules/.stamp: web/package-lock.json
	npm ci --prefix web --ignore-scripts
	@touch $@

web/dist/index.html: web/node_modules/.stamp $(WEB_SOURCES)
	npm --prefix web run build
	@touch $@

$(GOLANGCI):
	@echo 'building golangci-lint $(GOLANGCI_VERSION) once, which takes a minute or two'
	GOBIN='$(CURDIR)/$(@D)' go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(GOVULNCHECK):
	GOBIN='$(CURDIR)/$(@D)' go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
