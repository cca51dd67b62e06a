# Two commands matter: `make demo` and `make test`. The others are what they are made of.

SHELL := /bin/bash
CARGO ?= cargo

.PHONY: demo build test check audit bench clean

## demo: install what is missing, build, load the demo company, run the whole pipeline, serve the dashboard
demo:
	@scripts/install-missing server
	$(CARGO) build --release --locked -p headroom-service
	exec ./target/release/headroom demo

## build: the binary, debug
build:
	$(CARGO) build --locked -p headroom-service

## test: install what the tests need, run every test
# Everything is built at once: the binary alone would want its dependencies without the features of the tests, and so twice.
test:
	$(CARGO) build --locked --workspace --all-targets
	@scripts/install-missing server browser python npm
	@scripts/test-tools
	$(CARGO) test --locked --workspace --no-fail-fast

## check: formatting, lints with warnings as errors, direction of dependencies, known advisories
check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	scripts/check-arrows
	scripts/audit

## audit: known advisories and licences of the dependencies
audit:
	scripts/audit

## bench: side-by-side benchmarks; prints a table
bench:
	$(CARGO) build --release --locked -p headroom-service
	benches/run

clean:
	$(CARGO) clean
