# SPDX-License-Identifier: Apache-2.0
# The one entry point for development. CMake does the building (CMakePresets.json); scripts/ holds the steps.

.DEFAULT_GOAL := help
.PHONY: help bootstrap build runtime demo test ci docs site format lint lint-changed lint-all race-program races \
        fuzz bench install wheel deb aarch64 cuda clean

prefix ?= /usr/local
OUT ?= runs/demo
SECONDS_EACH ?= 60

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

bootstrap:  ## Install Debian packages, and LibTorch and OpenVINO in .venv
	@scripts/bootstrap.sh

build: bootstrap  ## Build the programs build/assemble and build/assemble-torch
	@scripts/build.sh release assemble_command assemble_torch_command

runtime:  ## Build build-runtime/assemble, the runtime half alone: no LibTorch, so no training
	@scripts/bootstrap.sh packages openvino
	@scripts/build.sh runtime assemble_command assemble_c

cuda: bootstrap  ## Build build-cuda/libassemble_cuda.so, which the programs load for NVIDIA GPUs; it needs no GPU to build
	@scripts/build.sh cuda assemble_cuda

demo: build  ## Draw a data set, climb from a vanilla to an assembled network, show what pays (OUT=runs/demo)
	build/assemble demo --out $(OUT)

test: bootstrap  ## Build and run every test; the last line counts them
	@scripts/bootstrap.sh fuzz
	-@scripts/bootstrap.sh site
	@scripts/run_tests.sh

ci:  ## What continuous integration runs: manual, lint, races, fuzzing, tests; warnings are errors
	@.ci/run

docs:  ## Build the manual of the library in build/docs/html; warnings are errors
	@scripts/bootstrap.sh docs
	@scripts/docs.sh

site: build  ## Build the site of docs/ and the commands' pages in build/site; warnings are errors
	@scripts/bootstrap.sh site
	@scripts/site.sh

format:  ## Format the sources
	@scripts/bootstrap.sh lint
	@scripts/lint.sh format

lint:  ## Check format, and with clang-tidy the sources that do not include LibTorch
	@scripts/bootstrap.sh packages openvino lint
	@scripts/lint.sh base

lint-changed:  ## The same with what differs from origin/main, LibTorch's included
	@scripts/bootstrap.sh packages openvino torch lint
	@scripts/lint.sh changed

lint-all:  ## The same with every source: clang-tidy needs half a minute for each that includes LibTorch
	@scripts/bootstrap.sh packages openvino torch lint
	@scripts/lint.sh all

race-program: bootstrap
	@scripts/build.sh release assemble_race_tests

races: race-program  ## Run what starts threads under the thread sanitizer
	@scripts/races.sh

fuzz:  ## Fuzz the parsers under sanitizers, a minute each (SECONDS_EACH=60), one a core
	@scripts/bootstrap.sh packages openvino fuzz
	@scripts/build.sh base-asan fuzz
	@SECONDS_EACH=$(SECONDS_EACH) scripts/fuzz.sh

bench: bootstrap  ## Build and run the benchmarks of the operators (FILTER=regex)
	@scripts/build.sh release assemble_benchmarks
	build/benchmarks/assemble_benchmarks --benchmark_filter='$(FILTER)'

install: bootstrap  ## Install command, libraries, headers, CMake and pkg-config packages (prefix=/usr/local)
	@scripts/build.sh release assemble_command assemble_torch_command assemble_c
	cmake --install build --prefix '$(prefix)'

wheel: build  ## Build the wheel of the Python package in build/dist
	@scripts/bootstrap.sh python
	@scripts/build.sh release assemble_c
	@scripts/wheel.sh

deb: build  ## Build Debian packages in build/dist: runtime, development, training
	@scripts/build.sh release assemble_c
	@scripts/deb.sh

aarch64:  ## Build the runtime half for 64-bit ARM and run its tests under qemu (FILTER='SameBits*')
	@scripts/bootstrap.sh aarch64
	@scripts/aarch64.sh '$(or $(FILTER),*)'

clean:  ## Remove the build folders; .venv stays
	rm -rf build build-runtime build-cuda build-debug build-base-asan build-base-tsan build-lint build-lint-runtime build-aarch64
