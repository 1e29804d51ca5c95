# Everything here works on a machine with Go; targets that need more say so and stop when it is missing.
export CGO_ENABLED ?= 0
SHELL := /bin/bash
PKGS := ./...

# Versions of the checkers; the Go tool fetches them.
GOFUMPT := mvdan.cc/gofumpt@v0.12.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.1.4

# A throwaway PostgreSQL for the tests of a recipe line, where PostgreSQL is installed.
POSTGRES = if dir=$$(mktemp -d) && dsn=$$(internal/db/postgres/testserver.sh start $$dir 2>/dev/null); then \
	export RAVN_TEST_POSTGRES=$$dsn; trap "internal/db/postgres/testserver.sh stop $$dir" EXIT; \
	elif [ "$$RAVN_REQUIRE_TOOLS" = 1 ]; then echo "PostgreSQL is missing, and RAVN_REQUIRE_TOOLS=1 demands it"; exit 1; fi;

.PHONY: build test check demo mutants simulate interop interop-build bench bench-peers bench-reports bench-validation bench-checks bench-queue
.PHONY: crash conformance-validation sweep fuzz differential golden test-upgrade docs clean

build: ## bin/ravn
	go build -trimpath -o bin/ravn ./cmd/ravn

test: ## the whole test suite; needs Go only. At the end: what was not tried and why, by name
	@$(POSTGRES) go run ./internal/testrun $(if $(COUNTS),-counts $(COUNTS)) $(PKGS)

check: build ## everything a change must pass
	@out=$$(go run $(GOFUMPT) -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofumpt: $$out"; exit 1; fi
	go vet $(PKGS)
	go run $(STATICCHECK) $(PKGS)
	@command -v gcc >/dev/null || { apt-get update -q && apt-get install -y -q gcc libc6-dev; }
	go mod tidy -diff
	@$(POSTGRES) CGO_ENABLED=1 go run ./internal/testrun -race -timeout 30m $(PKGS)
	@if go run $(GOVULNCHECK) $(PKGS) >/tmp/ravn-vuln.$$$$ 2>&1; then echo "govulncheck: nothing found"; \
		elif grep -q "Vulnerability #" /tmp/ravn-vuln.$$$$; then cat /tmp/ravn-vuln.$$$$; rm -f /tmp/ravn-vuln.$$$$; exit 1; \
		else echo "govulncheck: not run, its database does not answer"; fi; rm -f /tmp/ravn-vuln.$$$$

demo: build ## a private Peppol network, one real message
	bin/ravn demo

mutants: ## breaks the program in the places of internal/mutants/list.txt, one at a time; a test must fail each time. FIRST=20: only so many
	go run ./internal/mutants $(if $(FIRST),-first $(FIRST))

SEEDS ?= 100000
BUGS ?= all
simulate: ## SEEDS days of a sender and its access points under a fake clock, with faults of all kinds; then the bugs of internal/sim/bugs.txt, each of which must be found. BUGS=none: without them
	RAVN_SIM_SEEDS=$(SEEDS) go test -count=1 -v -timeout 48h -run 'TestSeeds|REL025' ./internal/sim/
	@[ "$(BUGS)" = none ] || RAVN_SIM_SEEDS=300 go run ./internal/mutants -limit 30m -why 'VIOLATED [^\n]*' internal/sim/bugs.txt

interop-build: ## the Java peer and the judge of rules; needs a JDK and Maven
	cd testbed/interop && mvn -q -B package
	cd testbed/saxon && mvn -q -B package

interop: interop-build ## phase4, Santuario, the Peppol SMP client, xmlsec1 and xmllint as judges
	RAVN_REQUIRE_INTEROP=1 RAVN_REQUIRE_TOOLS=1 go test -count=1 -run 'Interop' $(PKGS)

differential: interop-build ## CASES random documents: our canonical form against Santuario and libxml2, signatures against xmlsec1, XML Schema against Xerces; XPath and rule files against Saxon. RULES=oioubl: published rule files with that in their name, all of them ("/": 600, most of an hour)
	RAVN_REQUIRE_INTEROP=1 RAVN_REQUIRE_TOOLS=1 RAVN_DIFFERENTIAL_CASES=$(or $(CASES),10000) go test -count=1 -v -run 'Differential' ./xml/dsig/ ./xml/xsd/
	RAVN_REQUIRE_INTEROP=1 RAVN_DIFFERENTIAL_CASES=$(or $(CASES),20000) RAVN_DIFFERENTIAL_RULES=$(RULES) go test -count=1 -v -timeout 90m -run 'Differential' ./xml/xpath/ ./xml/schematron/

CYCLES ?= 100
crash: ## kills a sender with a pick-up folder and a receiver CYCLES times, at random moments, while documents come; then nothing is lost and nothing doubled. SEED=n: the decisions of an earlier run
	RAVN_TEST_CRASH_CYCLES=$(CYCLES) RAVN_TEST_CRASH_SEED=$(SEED) go test -count=1 -v -timeout 24h -run TestCrashLoop ./cmd/ravn/ | grep -v '"level"'; exit $${PIPESTATUS[0]}

bench: build ## benchmarks of the rooms, then of two whole nodes
	go test -run '^$$' -bench . -benchtime 1s $(PKGS)
	bin/ravn bench --seconds 10

bench-peers: build interop-build ## the same traffic through phase4 and through Ravn
	RAVN_REQUIRE_INTEROP=1 RAVN_BENCH_PEERS=1 go test -count=1 -v -run BenchPeers -timeout 20m ./internal/node/

conformance-validation: ## every shared document and test set through the engines, held against what Saxon and Xerces found
	set -o pipefail; RAVN_REQUIRE_SHARED=1 go test -count=1 -v -run 'Expected|Reporting|Compiled|RunTests|Shared' ./validation/... ./xml/... | grep -v '^=== '

DIR ?= testbed/saxon/target/rules
sweep: ## each rule file in DIR, a folder or a jar: what loads, what is refused and why; the last line counts
	go run ./internal/sweep $(DIR)

bench-validation: interop-build ## what rule packs cost, then Saxon and Ravn on the same documents in one run; the last line has the ratio for an invoice
	set -o pipefail; RAVN_REQUIRE_INTEROP=1 RAVN_BENCH_VALIDATION=1 go test -count=1 -p 1 -v -run 'TestBench' -timeout 20m ./validation/ ./xml/schematron/ | grep -v '^=== \|^---\|^PASS\|^ok' | sed 's/^ *bench[a-z]*_test.go:[0-9]*: //'

bench-checks: ## ten invoices of 57 MiB at once in a node: verdicts, time, and by how much its memory grows
	set -o pipefail; RAVN_BENCH_CHECKS=1 go test -count=1 -v -run TestBenchChecks -timeout 20m ./internal/node/ | grep -v '^=== \|^---\|^PASS\|^ok' | sed 's/^ *[a-z]*_test.go:[0-9]*: //'

ROWS ?= 1000000
bench-reports: ## a month of ROWS exchanges in the record; the cost of counting
	set -o pipefail; RAVN_BENCH_REPORTS=$(ROWS) go test -count=1 -p 1 -v -run 'TestBenchCounting|TestBenchAccounts' -timeout 60m ./internal/db/sqlite/ ./internal/accounts/ | grep -v '^=== \|^---\|^PASS\|^ok' | sed 's/^ *bench[a-z]*_test.go:[0-9]*: //'

WAITING ?= 1000000
bench-queue: ## claims beside 1,000, a tenth of WAITING and WAITING messages
	set -o pipefail; RAVN_BENCH_QUEUE=$(WAITING) go test -count=1 -v -run TestBenchWaiting -timeout 60m ./internal/queue/ | grep -v '^=== \|^---\|^PASS\|^ok' | sed 's/^ *bench_test.go:[0-9]*: bench: *//'

FUZZTIME ?= 60s
fuzz: ## each fuzz target for FUZZTIME
	@set -e; for pkg in $$(go list $(PKGS)); do for f in $$(go test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz' || true); do \
		echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; done; done

golden: ## rewrite the golden files; review the diff like code
	go test $(PKGS) -update

test-upgrade: build ## data of each tagged version opens in this one
	./internal/db/test-upgrade.sh

docs: build ## regenerate what is generated
	@{ sed '/^<!-- generated -->$$/q' docs/configuration.md; echo; bin/ravn config doc; } > docs/configuration.md.new && mv docs/configuration.md.new docs/configuration.md
	@go run ./internal/arch/cmd > docs/architecture.md.new && mv docs/architecture.md.new docs/architecture.md

clean:
	rm -rf bin testbed/interop/target testbed/saxon/target
