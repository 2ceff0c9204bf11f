# What developers and CI run. `make test` and `make lint` must pass before a change goes in.

GO ?= go
FUZZTIME ?= 30s
FUZZPART ?= 0/1
LENGTH ?= 10m

# All of a build's variants but two would be compiled for nothing: everything is built like the binary, or with the race detector besides.
export GOFLAGS := $(filter-out -trimpath,$(shell $(GO) env GOFLAGS)) -trimpath
export CGO_ENABLED = 0

# The checkers are run at fixed versions, so that a new release cannot break an old commit.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

# The modules of this repository: the product, and the tests and measurements whose dependencies stay out of it.
MODULES = . e2e bench deploy/deploytest release

.PHONY: build version release test lint soak fuzz bench screenshots clean tools

# A static binary that needs nothing of the machine it runs on.
build:
	flags="$$(cd release && $(GO) run ./cmd/version -flags)" && $(GO) build -buildvcs=false -ldflags "$$flags" -o bin/tollgate ./cmd/proxy

# Which version the tree is, for builds that are not made here: docker build --build-arg VERSION="$(make -s version)".
version:
	@cd release && $(GO) run ./cmd/version

# What is published of a version, into dist: docs/release.md. RELEASE takes flags, such as RELEASE='-platforms linux/amd64'.
release:
	rm -rf dist
	cd release && $(GO) run . -out ../dist $(RELEASE)

# Packages whose tests mostly compute: the race detector makes minutes of them. make soak has it for them, too.
PLAIN = tollgate/(audit/(checkpoint|export|proof|verify)|cmd/proxy(/.*)?|config/strictyaml|review/(inbox|reviewtest))

# All tests with the race detector, the seeds of the fuzz targets among them, but for those packages. Without it once more where a test makes
# every change there is, and the detector lets it make a part of them only. Those in e2e build the product themselves,
# of which Go's test cache knows nothing: they always run; the gateways that they start are built with the detector. Four packages at a time,
# and four tests of e2e, since many wait for disks and peers. The test cache does not follow files outside of a module either, such as the
# samples that deploy/deploytest is about: its tests always run, too.
test: tools
	@[ -e .git ] || [ -n "$$TOLLGATE_FIRST_BINARY" ] || echo "NO GIT HISTORY: the tests of upgrades from the first version are skipped" >&2
	@[ "$$(id -u)" = 0 ] || echo "NOT ROOT: the tests that run images and deployments as users of their own are skipped" >&2
	CGO_ENABLED=1 $(GO) test -race -p 4 -timeout 15m $$($(GO) list ./... | grep -vxE '$(PLAIN)')
	$(GO) test -p 4 -timeout 15m $$($(GO) list ./... | grep -xE '$(PLAIN)')
	$(GO) test -timeout 15m -run 'TestFaults' ./audit
	cd e2e && $(GO) test -parallel 4 -timeout 15m -count=1 ./...
	cd bench && $(GO) test ./...
	cd deploy/deploytest && $(GO) test -timeout 15m -count=1 ./...
	cd release && $(GO) test -timeout 15m -count=1 ./...

# staticcheck reads the libraries of a module, too: those of deploy/deploytest, Kubernetes and Helm, would take minutes. Vulnerabilities are
# looked for in what is shipped, and in what builds it.
lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:" $$unformatted; exit 1; fi
	for module in $(MODULES); do (cd $$module && $(GO) vet ./...) || exit 1; done
	for module in . e2e bench release; do (cd $$module && $(GO) run $(STATICCHECK) ./...) || exit 1; done
	for module in . release; do (cd $$module && GO=$(GO) $(CURDIR)/.ci/vulncheck $(GOVULNCHECK)) || exit 1; done

# The long forms of the random tests: more rounds, a new seed each time, which a failure prints. First a fleet under load for LENGTH, with
# everything around it failing and changing (e2e/chaos).
soak: tools
	cd e2e && CGO_ENABLED=1 TOLLGATE_SOAK=1 TOLLGATE_CHAOS_LENGTH=$(LENGTH) $(GO) test -race -count=1 -timeout 0 -v ./chaos
	for module in $(MODULES); do (cd $$module && CGO_ENABLED=1 TOLLGATE_SOAK=1 $(GO) test -race -count=1 -timeout 4h ./...) || exit 1; done

# Every fuzz target for FUZZTIME each: a time (3m), or a number of inputs (200x), as CI does with the packages of one FUZZPART of three.
fuzz:
	@for module in $(MODULES); do GO=$(GO) .ci/fuzz $$module $(FUZZTIME) $(FUZZPART) || exit 1; done

# What a call costs, beside other proxies: bench/README.md. BENCH takes flags, such as BENCH=-quick. Debian keeps the
# others in /usr/sbin, where not every user looks.
bench: export PATH := $(PATH):/usr/sbin
bench:
	@.ci/tools nginx haproxy redis-server
	cd bench && $(GO) run . -write ../docs/performance.md $(BENCH)

# All pages, themes and languages as a browser shows them, of a fixed log, into build/screenshots.
screenshots: tools
	cd e2e && $(GO) run ./browser/screenshots -out ../build/screenshots

clean:
	rm -rf bin build dist

# What the tests call besides Go: independent peers, a C compiler for the race detector, strace for disks that fail, Node for
# the provider's SDK, Python for the second verifier of audit logs, jq and xxd for the page on verifying by hand, Redis for
# fleets of gateways, promtool for the alerts, a browser for the pages, systemd-analyze for the unit, groff for the man pages, git for
# versions.
tools:
	@.ci/tools curl openssl gnutls-cli sslscan gcc strace node npm python3 jq xxd nginx redis-server promtool chromium systemd-analyze groff git
	@$(MAKE) --no-print-directory e2e/node/node_modules

# The provider's Node SDK, and what finds faults of pages for people with disabilities, at the versions of the lock file.
e2e/node/node_modules: e2e/node/package.json e2e/node/package-lock.json
	cd e2e/node && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
