# The recipes of a working day. `just` lists them; `just check` is the round before a commit.

set shell := ["bash", "-euo", "pipefail", "-c"]

# What there is.
default:
    @just --list --unsorted

# All checks: formatting, lints, tests, documentation.
check: fmt-check clippy test docs

# The program, optimised.
build:
    cargo build --release

# The demo site in output/.
site *args:
    cargo run --release -- build {{ args }}

# All tests of all crates; `just test output` runs those that match.
test filter="":
    cargo test --release --workspace {{ filter }}

# The site half, which builds without candle and so in a fraction of the time.
test-site filter="":
    cargo test --release --package venti --no-default-features {{ filter }}

# The model's tests with every read and write of memory watched (needs a nightly toolchain).
asan:
    ASAN_OPTIONS=detect_leaks=0 RUSTFLAGS="-Zsanitizer=address" cargo +nightly test --release --package gpt2 --lib --test gpt2 \
        --target "$(rustc -vV | sed -n 's/^host: //p')" --target-dir target/asan

# The GPU's kernels on an emulated one (needs a C++ compiler).
test-gpu:
    cargo test --release --package gpt2 --features gpt2/emulated-gpu --lib gpu
    cargo test --release --package gpt2 --features gpt2/emulated-gpu --test gpu

fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all --check

# Lints, with and without a model.
clippy:
    cargo clippy --release --workspace --all-targets -- -D warnings
    cargo clippy --release --package venti --no-default-features --all-targets -- -D warnings

# The API's documentation; a broken link is an error.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --workspace --document-private-items

# Licences, advisories and sources of the dependencies (needs cargo-deny).
deny:
    cargo deny check

# Everything that continuous integration runs here.
ci:
    bash .ci/run

# Both sites in a real browser; `just e2e reading links` runs those checks only.
e2e *checks:
    npm ci --no-audit --no-fund --ignore-scripts
    cargo run --release --quiet -- build --offline
    rm -rf target/e2e/made
    python3 scripts/make_site.py target/e2e/made 300
    cargo run --release --quiet -- build --frozen --offline --root target/e2e/made
    npm run --silent e2e -- {{ checks }}

# Pictures of every kind of page in DIR, to look at.
shots dir:
    npm run --silent shots -- {{ dir }}

# The container image, and the demo on http://localhost:8080/.
serve-image:
    docker build -t venti-demo .
    docker run --rm -p 8080:8080 venti-demo
