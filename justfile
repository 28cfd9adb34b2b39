# Development tasks. `just` lists them; run `just check` before each commit.

set shell := ["bash", "-euo", "pipefail", "-c"]

# Lists the recipes.
default:
    @just --list --unsorted

# Checks formatting and lints, runs the tests, builds the documentation.
check: fmt-check clippy test docs

# Builds the program.
build:
    cargo build --release

# Builds the demo site in output/.
site *args:
    cargo run --release -- build {{ args }}

# Runs all tests; `just test output` runs the matching ones.
test filter="":
    cargo test --release --workspace {{ filter }}

# Tests the site half, which needs no model.
test-site filter="":
    cargo test --release -p content -p site {{ filter }}

# Runs the model's tests under AddressSanitizer (needs a nightly toolchain).
asan:
    ASAN_OPTIONS=detect_leaks=0 RUSTFLAGS="-Zsanitizer=address" cargo +nightly test --release --package kernels --package gpt2 --lib \
        --target "$(rustc -vV | sed -n 's/^host: //p')" --target-dir target/asan

# Tests the GPU kernels on an emulated GPU (needs a C++ compiler).
test-gpu:
    cargo test --release --package gpt2 --features gpt2/emulated-gpu --lib gpu
    cargo test --release --package gpt2 --features gpt2/emulated-gpu --test gpu

fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all --check

# Lints, with and without the optional features.
clippy:
    cargo clippy --release --workspace --all-targets -- -D warnings
    cargo clippy --release --package venti --no-default-features -- -D warnings

# Builds the API documentation; broken links are errors.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --workspace --document-private-items

# Checks licences, advisories and sources of the dependencies (needs cargo-deny).
deny:
    cargo deny check

# Runs everything that a change must pass.
ci:
    bash .ci/run

# Tests both sites in a real browser; `just e2e reading links` runs only those checks.
e2e *checks:
    npm ci --no-audit --no-fund --ignore-scripts
    cargo run --release --quiet -- build --offline
    rm -rf target/e2e/made
    python3 scripts/make_site.py target/e2e/made 300
    cargo run --release --quiet -- build --frozen --offline --root target/e2e/made
    npm run --silent e2e -- {{ checks }}

# Takes screenshots of every kind of page into DIR.
shots dir:
    npm run --silent shots -- {{ dir }}

# Builds the container image and serves the demo on http://localhost:8080/.
serve-image:
    docker build -t venti-demo .
    docker run --rm -p 8080:8080 venti-demo
