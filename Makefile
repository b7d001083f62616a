# make demo    compile a trained model for this machine and for ARM, and run it
# make test    check and test everything; as root on Debian it installs what tests of other targets run in
# make lint    check style and types only
# make bench   measure speed
# make clean   remove what these made
#
# Needs Python 3.10 or newer; the rest comes into .venv. PYTHON=... chooses the Python that makes it, WORKERS=... the
# number of processes that run tests.

PYTHON ?= python3
WORKERS ?= auto
VENV := .venv
BIN := $(VENV)/bin
SOURCES := compiler targets runtime_stub tests examples

# What tests run in that pip does not have: QEMU with the C libraries of the Linux targets, and a compiler with sanitizers.
SYSTEM_PACKAGES := qemu-user qemu-system-arm libc6-arm64-cross libc6-armhf-cross g++
SYSTEM_FILES := $(foreach name,qemu-aarch64 qemu-arm qemu-system-arm g++,$(shell command -v $(name))) \
	$(wildcard /usr/aarch64-linux-gnu/lib /usr/arm-linux-gnueabihf/lib)

.PHONY: demo test lint bench clean system
.SUFFIXES:

demo: $(VENV)/cross
	@$(BIN)/python examples/digits/demo.py build/demo

# The tests come last: the last line is their summary.
test: $(VENV)/all system lint
	@$(BIN)/python -m pytest -q -n $(WORKERS)

lint: $(VENV)/all
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@rm -rf $(VENV)/typing && mkdir -p $(VENV)/typing/onnxc
	@# mypy does not follow the hooks of an editable installation: show it the package as folders.
	@ln -s $(CURDIR)/compiler/* $(CURDIR)/targets $(CURDIR)/runtime_stub $(VENV)/typing/onnxc/
	@MYPYPATH=$(VENV)/typing $(BIN)/mypy -p onnxc -p tests

bench: $(VENV)/all
	@for program in against_onnxruntime cold_start loader_overhead trees; do \
		echo "== tests/bench/$$program.py" && $(BIN)/python -m tests.bench.$$program || exit 1; done

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of extras; `all` has what `cross` has.
$(VENV)/cross: $(VENV)/pip
	$(BIN)/pip install --quiet --editable '.[cross]'
	@touch $@

$(VENV)/all: $(VENV)/pip
	$(BIN)/pip install --quiet --editable '.[all]'
	@touch $(VENV)/cross $@

$(VENV)/pip: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "$(PYTHON) is older than 3.10: name another with make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "try: apt install python3-venv" >&2; exit 1; }
	$(BIN)/pip install --quiet --upgrade pip
	@touch $@

# Tests that need these are skipped without them, and say so; they fail where CI=true.
system:
ifneq ($(words $(SYSTEM_FILES)),6)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "apt-get install $(SYSTEM_PACKAGES)"; export DEBIAN_FRONTEND=noninteractive; \
		apt-get install -qq -y --no-install-recommends $(SYSTEM_PACKAGES) >/dev/null 2>&1 \
			|| { apt-get update -qq && apt-get install -qq -y --no-install-recommends $(SYSTEM_PACKAGES) >/dev/null; } \
			|| echo "they could not be installed: tests that need them do not run" >&2; \
	else \
		echo "tests of other targets do not run; that takes: apt install $(SYSTEM_PACKAGES)" >&2; \
	fi
endif
