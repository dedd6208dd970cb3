# The verbs of this repository. It has two modules (the library here, the message center in center/), joined by go.work;
# "work" is Go's name for the packages of both.

GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION   := v1.9.0

GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
GOVULNCHECK   := go run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)

BENCH    ?= .
FUZZ     ?= .
FUZZTIME ?= 1m
DURATION ?= 10m
CRASHES  ?= 100

.PHONY: check test bench table latency conformance fuzz soak crash vuln

# Vet and lint both modules.
check:
	go vet work
	$(GOLANGCI_LINT) run ./...
	cd center && $(GOLANGCI_LINT) run ./...
	cd examples/socks5 && $(GOLANGCI_LINT) run ./...

# All tests of both modules, with the race detector.
test:
	go test -race work

# All benchmarks, or those that BENCH matches.
bench:
	go test -run '^$$' -bench '$(BENCH)' -benchmem work

# The session table of docs/performance.md: the library against a bare framing loop and node-smpp.
table:
	go run ./center/internal/benchtable

# Its latency table: both paced at half of the library's highest rate.
latency:
	go run ./center/internal/benchtable -paced

# Write docs/conformance.md by running the tests that it names.
conformance:
	go run ./internal/conformance

# Every fuzz target for FUZZTIME, one after the other, or those whose name FUZZ matches.
fuzz:
	@set -e; for pkg in $$(go list work); do \
		targets=$$(go test -list '^Fuzz' $$pkg); \
		for target in $$(echo "$$targets" | grep '^Fuzz' | grep -E '$(FUZZ)'); do \
			echo "$$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime '$(FUZZTIME)' -fuzzminimizetime 10x $$pkg; \
		done; \
	done

# Traffic over 50 sessions with random faults for DURATION, every request accounted for; the report goes to soak.txt too.
soak:
	go run ./internal/soak -duration '$(DURATION)' -report soak.txt

# smpp serve killed with SIGKILL under load CRASHES times, and every message accounted for; the reports go to crash.txt and, at most once, crash-once.txt too.
crash:
	go run ./center/internal/crash -crashes '$(CRASHES)' -report crash.txt
	go run ./center/internal/crash -crashes '$(CRASHES)' -once -report crash-once.txt

# Known vulnerabilities in what both modules reach.
vuln:
	$(GOVULNCHECK) ./...
	cd center && $(GOVULNCHECK) ./...
