# Two commands on a fresh machine: `make train` and `make test`. Needed: cargo, a C compiler, make and bash.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help train test test-all lint build cuda plugins wasm-target language-tools clean

CONFIG ?= configs/austen.toml
# Continue where an earlier `make train` was interrupted; `ARGS=--overwrite` starts again.
ARGS ?= --resume-or-start
TRAINYARD := target/release/trainyard
# These wrap a large crate and are built-ins only.
BUILTIN_ONLY := plugins/hf-tokenizer plugins/wordpiece plugins/unigram
PLUGINS := $(filter-out $(BUILTIN_ONLY),$(patsubst %/Cargo.toml,%,$(wildcard plugins/*/Cargo.toml)))

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'make train CONFIG=configs/austen-native.toml ARGS="--set train.steps=100 --overwrite"'

train: plugins ## train a small GPT on real text, with every plugin as a WASM component
	$(TRAINYARD) train $(CONFIG) $(ARGS)

test: plugins lint ## all tests, with every plugin in all its forms
	cargo test --release --workspace

test-all: test ## also what is broad: hundreds of kills, the GPU emulator, all languages, fuzzing (ten minutes a target)
	cargo test --release -p trainyard-tests --test trainyard -- --include-ignored broad_
	scripts/fuzz.sh

lint: ## formatting and clippy
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --quiet -- -D warnings

build: ## the program, target/release/trainyard
	cargo build --release -p trainyard

cuda: ## the program with CUDA kernels, target/release/trainyard-cuda
	home=$$(scripts/cuda-home.sh); eval "$$home"; cargo build --release -p trainyard --features cuda --bin trainyard-cuda

plugins: build wasm-target ## every plugin as a WASM component and as a native library, in target/plugins/
	for plugin in $(PLUGINS); do $(TRAINYARD) plugin build "$$plugin"; done

wasm-target: ## the Rust target wasm32-unknown-unknown, where the toolchain lacks it
	scripts/wasm-target.sh

language-tools: ## what builds plugins in C, Python and JavaScript, for the tests, in target/tools/
	scripts/language-tools.sh

clean: ## remove what builds made; runs/ stays
	cargo clean
