# Two commands do everything: `make demo` and `make test`. Both install first; uv is used where it is there.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
UV := $(shell command -v uv)
BIN := .venv/bin

# without compiled modules every process that loads TensorFlow compiles thousands of them anew: ten seconds of CPU
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test test-long chaos fuzz audit lint lock test-mac-pins test-ray test-slurm screenshots bench bench-peers bench-tui clean

help:
	@echo "make demo           install, then see the main job run on a synthetic corpus"
	@echo "make test           install, lint, check the walls, run the tests"
	@echo "make install        create .venv from the hash-pinned requirements.lock"
	@echo "make lint           ruff, mypy --strict, import contracts"
	@echo "make test-long      the tests that the others leave out: LaTeX compiled (installs TeX Live), all exports twice"
	@echo "make chaos          processes killed, disks full, clocks set back, for some ten minutes (MINUTES=60 for longer)"
	@echo "make fuzz           a million mutated files through every reader of foreign bytes (INPUTS=10000 for fewer)"
	@echo "make audit          known vulnerabilities of the locked dependencies, where that can be asked"
	@echo "make test-mac-pins  the engine's tests against the versions that a Mac gets"
	@echo "make test-ray       the engine for Ray on a real cluster of three nodes (installs Ray; about five minutes)"
	@echo "make test-slurm     the engine for Slurm on a real one of two nodes (installs Debian's; about five minutes)"
	@echo "make bench          how quick training, features and the rest are, beside the peers (about half an hour)"
	@echo "make bench-tui      how soon the interface answers, on a registry of 100,000 runs (about six minutes)"
	@echo "make screenshots    the README's pictures, from the demo's registry"
	@echo "make lock           resolve requirements.lock again (needs uv)"
	@echo "make clean          remove what make has made"

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@$(call install-into,.venv,requirements.lock)
	@touch $@

# $(1): the environment, $(2): the pinned requirements. The project itself comes last, without looking anything up.
ifdef UV
define install-into
test -x $(1)/bin/python || $(UV) venv --quiet --python "$(PYTHON)" $(1)
$(UV) pip install --quiet --python $(1) --require-hashes -r $(2)
$(UV) pip install --quiet --python $(1) --no-deps --no-build-isolation -e .
endef
else
define install-into
test -x $(1)/bin/python || "$(PYTHON)" -m venv $(1)
$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(2)
$(1)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endef
endif

demo: install
	$(BIN)/timnet demo

test: lint
	@# in their own order, as files of few tests are the longest ones and would come last
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# TeX Live is large, so it is installed for these alone
TEX := texlive-latex-base texlive-latex-recommended
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)

test-long: install
	@command -v pdflatex > /dev/null || { $(AS_ROOT) apt-get update -qq && \
		$(AS_ROOT) apt-get install -y -qq --no-install-recommends $(TEX) > /dev/null; }
	$(BIN)/python -m pytest -m long

# what docs/reliability.md promises, one test after another: the numbers there at least, and for as long as is asked for
MINUTES ?= 10

chaos: install
	TIMNET_CHAOS_MINUTES=$(MINUTES) $(BIN)/python -m pytest -m chaos tests/faults

# INPUTS mutated files through every reader of foreign bytes: FUZZ="--only bundle --seed 2" for other ones
INPUTS ?= 1000000

fuzz: install
	$(BIN)/python -m tests.fuzz --inputs $(INPUTS) $(FUZZ)

# in an environment of its own, as it is no part of what it looks at
audit: install
	@test -x build/audit-venv/bin/pip-audit || { "$(PYTHON)" -m venv build/audit-venv && \
		build/audit-venv/bin/python -m pip install --quiet --disable-pip-version-check pip-audit; }
	@PATH="$(CURDIR)/build/audit-venv/bin:$$PATH" $(BIN)/python tools/audit.py requirements.lock

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Apple silicon gets tensorflow-macos 2.16.2 and numpy 1: the same versions, on Linux
test-mac-pins: .venv-mac/installed
	.venv-mac/bin/python -m pytest -m "engine and not long and not chaos" -n auto --dist loadfile

.venv-mac/installed: .venv/installed tools/mac_pins.py
	@mkdir -p build
	@$(BIN)/python tools/mac_pins.py requirements.lock > build/mac-pins.txt
	@$(call install-into,.venv-mac,build/mac-pins.txt)
	@touch $@

# Ray is large, so it has an environment of its own, on top of the project's packages
test-ray: build/ray-venv/installed
	build/ray-venv/bin/python -m pytest -m ray tests/ray_cluster

build/ray-venv/installed: .venv/installed
	"$(PYTHON)" -m venv --clear build/ray-venv
	build/ray-venv/bin/python -c "import site; print(site.getsitepackages()[0])" > build/ray-site.txt
	$(BIN)/python -c "import site; print(f'import site; site.addsitedir({site.getsitepackages()[0]!r})')" \
		> "$$(cat build/ray-site.txt)/project.pth"
	build/ray-venv/bin/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^ray = \["\(.*\)"\]/\1/p' pyproject.toml)"
	@touch $@

# Slurm comes from the distribution; the tests start one of their own, as whoever runs them, and stop it again.
# ONLY=quick: two runs there and back, in less than a minute
ONLY ?= test
SLURM := slurmctld slurmd slurm-client

test-slurm: install
	@PATH="$$PATH:/usr/sbin"; { command -v slurmctld && command -v slurmd && command -v sbatch; } > /dev/null || { \
		$(AS_ROOT) apt-get update -qq && \
		$(AS_ROOT) apt-get install -y -qq --no-install-recommends $(SLURM) > /dev/null; }
	$(BIN)/python -m pytest -m slurm -k $(ONLY) -n 2 --dist loadfile tests/slurm

screenshots: install
	rm -rf timnet-demo
	$(BIN)/timnet demo --no-tui
	$(BIN)/timnet --db timnet-demo/runs.db train DEMO --preset demo --seed 47 --select best --epochs 12
	$(BIN)/timnet --db timnet-demo/runs.db workers stop
	$(BIN)/timnet --db timnet-demo/runs.db queue add DEMO --preset github --folds 10 --seed 46
	$(BIN)/python tools/screenshots.py timnet-demo/runs.db docs/images

# BENCH="--only training" measures one figure, BENCH=--quick sees that all work
bench: bench-peers
	$(BIN)/python -m benchmarks $(BENCH)

bench-peers: build/bench-venv/installed

# The peers see the project's own packages too, so both sides have the same TensorFlow, numpy and librosa
build/bench-venv/installed: .venv/installed benchmarks/peers/requirements.txt
	"$(PYTHON)" -m venv --clear build/bench-venv
	build/bench-venv/bin/python -c "import site; print(site.getsitepackages()[0])" > build/bench-site.txt
	$(BIN)/python -c "import site; print(site.getsitepackages()[0])" > "$$(cat build/bench-site.txt)/project.pth"
	build/bench-venv/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/peers/requirements.txt
	@touch $@

bench-tui: install
	$(BIN)/python benchmarks/tui.py
	$(BIN)/python benchmarks/charts.py

lock:
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links -o requirements.lock

clean:
	rm -rf .venv .venv-mac build timnet-demo
