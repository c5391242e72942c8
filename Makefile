# Two commands on a fresh machine: `make train` and `make test`. Needed: cargo, a C compiler, make and bash.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help train test test-all lint build debug-file cuda plugins wasm-target language-tools release clean

CONFIG ?= configs/austen.toml
# Resume where an earlier `make train` was interrupted; `ARGS=--overwrite` starts again.
ARGS ?= --resume-or-start
TRAINYARD := target/release/trainyard
# Where clippy is the compiler, as in .ci/run, all that was compiled was checked.
CLIPPY := [ "$${RUSTC_WORKSPACE_WRAPPER:-}" = clippy-driver ] || CARGO_INCREMENTAL=$${CARGO_INCREMENTAL:-1} \
	cargo clippy --release --workspace --all-targets --quiet -- -D warnings

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'make train CONFIG=configs/austen-native.toml ARGS="--set train.steps=100 --overwrite"'

train: ## train a small GPT on real text; builds the program and the plugins that CONFIG names
	scripts/build.sh $$(if grep -q '\.wasm' '$(CONFIG)'; then echo --wasm; fi)
	$(TRAINYARD) plugin build --for '$(CONFIG)'
	$(TRAINYARD) train '$(CONFIG)' $(ARGS)

test: ## all tests, with every plugin in all its forms
	cargo fmt --all --check
	scripts/build.sh --wasm --tests
	$(TRAINYARD) plugin build plugins/* > /dev/null
	$(CLIPPY)
	scripts/test.sh

test-all: test ## also what is broad: kills, the GPU emulator, all languages, a browser, fuzzing (minutes a target)
	scripts/bindings.sh --check
	cargo test --release --workspace --test trainyard -- --include-ignored broad_
	scripts/browser.sh
	scripts/fuzz.sh

lint: ## formatting and clippy
	cargo fmt --all --check
	$(CLIPPY)

build: ## the program, target/release/trainyard
	scripts/build.sh

debug-file: ## the program and, in a file beside it, the names that a backtrace shows (RUST_BACKTRACE=1)
	scripts/debug-file.sh

cuda: ## the program with CUDA kernels, target/release/trainyard-cuda
	home=$$(scripts/cuda-home.sh); eval "$$home"; cargo build --release -p trainyard --features cuda --bin trainyard-cuda

plugins: ## every plugin as a WASM component and as a native library, in target/plugins/
	scripts/build.sh --wasm
	$(TRAINYARD) plugin build plugins/*

wasm-target: ## the Rust target wasm32-unknown-unknown, where the toolchain lacks it
	scripts/wasm-target.sh

language-tools: ## what builds plugins in C, Python and JavaScript, for the tests, in target/tools/
	scripts/language-tools.sh

release: ## an archive and a wheel for people without this repository, in target/dist/
	scripts/release.sh

clean: ## remove what builds made; runs/ stays
	cargo clean
