# The project's face; the work is in tools/ and in CMakePresets.json.

PREFIX ?= /usr/local
SOAK_SECONDS ?= 3600

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: ## install what is missing, make .venv, build and install numapool into it
	@tools/setup

demo: setup ## the tour: what the pool does on this machine
	@.venv/bin/numapool demo

test: ## every test and check
	@tools/setup fuzz vm
	@tools/run_tests

vm: ## tests in emulated machines with many nodes: all of them, or MACHINE=name
	@tools/setup vm
	cmake --preset dev
	cmake --build --preset dev --target vm_programs
	.venv/bin/python tests/vm/run.py $(MACHINE)

bench: ## benchmarks beside the other allocators at hand, 12 minutes; QUICK=1 takes 2
	@tools/setup bench
	cmake --preset release
	cmake --build --preset release --target benchmarks
	.venv/bin/python bench/run.py $(if $(QUICK),--quick)

page: setup ## docs/benchmarks.md and README's figures, from the last make bench
	@.venv/bin/python bench/publish.py

soak: ## stress, forks, ends, random operations, fuzzing, Python: in large numbers, about SOAK_SECONDS in all
	@tools/setup fuzz
	cmake --preset dev
	cmake --build --preset dev --target stress --target pool_random
	cmake --preset fuzz
	cmake --build --preset fuzz
	tools/soak $(SOAK_SECONDS)

plants: setup ## plant small bugs in a copy, one at a time, and see which test catches each
	.venv/bin/python tools/plant_bugs

format: setup ## rewrite the sources as the formatters want them
	@tools/cpp_files | xargs -r .venv/bin/clang-format -i
	@.venv/bin/ruff check --quiet --fix . && .venv/bin/ruff format --quiet .

tidy: ## clang-tidy over the library and the command
	@tools/setup tidy
	cmake --preset dev
	tools/cpp_files src cli | grep '\.cpp$$' | xargs -r -P "$$(nproc)" -n 4 clang-tidy-19 --quiet -p build/dev

install: setup ## install library, headers and command below PREFIX
	cmake --preset release
	cmake --build --preset release
	cmake --install build/release --prefix "$(PREFIX)"

clean: ## remove what was built; .venv stays
	rm -rf build dist

.PHONY: help setup demo test vm bench page soak plants format tidy install clean
