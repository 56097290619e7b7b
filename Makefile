# SpatialGo: what a person types. `make` alone explains it.
#
# Each target first brings what it needs and this machine lacks: system packages by apt, Go tools into build/tools,
# Python into .venv and .venv-check. Nothing is written outside this folder but the download caches of go, pip and uv.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
# The steps share compilers and caches that are parallel by themselves.
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# ---- What may be set on the command line -------------------------------------------------------------------------

# Space Ranger folder that `make demo` shows; empty: the tissue that comes with the program.
DATA ?=
# What `make bench` runs.
BENCH ?= .
PKG ?= ./...
# What `make notebooks` and `make test` execute.
NOTEBOOKS ?= $(sort $(wildcard notebooks/*.ipynb))
# UPGRADE=1: `make lock` takes the newest versions that requirements/*.in allow.
UPGRADE ?=

# ---- How commands are run ----------------------------------------------------------------------------------------

# Every go command gets the folders of the HDF5 library, looked up at the call: it may just have been installed.
GO := tools/cgoenv.sh go
JUPYTER := tools/jupyter.sh
BIN := build/tools/bin
DEMO := build/bin/demo

# GoMLX would otherwise download a compute engine by itself in the middle of a run.
export GOMLX_NO_AUTO_INSTALL := 1
export SPATIALGO_VENV := $(CURDIR)/.venv

# Programs carry the commit they were built from, where git tells it: it does not in a folder of another owner, and
# go would stop there.
ifneq ($(shell git rev-parse --verify -q HEAD >/dev/null 2>&1 && echo yes),yes)
export GOFLAGS := $(shell go env GOFLAGS 2>/dev/null) -buildvcs=false
endif

# ---- When a step is done -----------------------------------------------------------------------------------------

# A step is done when a stamp exists that is named after its inputs: the content of files, and the place of this
# folder, since virtual environments and kernels hold absolute paths. Times of files, which git does not keep, play
# no part.
key = $(shell (pwd; cat $(1)) | cksum | cut -d' ' -f1)

TOOLS_KEY := $(call key,tools/go.mod tools/go.sum)-$(shell go env GOVERSION 2>/dev/null)
VENV := .venv/.made-$(call key,tools/venv.sh requirements/uv.txt requirements/jupyter.txt)
ENGINE := .venv/.engine-$(call key,requirements/engine.txt)
PEERS_VENV := .venv-peers/.made-$(call key,tools/venv.sh requirements/uv.txt requirements/peers.txt)
CHECK := .venv-check/.made-$(call key,tools/venv.sh requirements/uv.txt requirements/check.txt)
KERNEL := .venv/share/jupyter/kernels/gonb/.made-$(call key,tools/kernel.sh tools/cgoenv.sh)-$(TOOLS_KEY)
TOOL = build/tools/.$(1)-$(TOOLS_KEY)

# A virtual environment dies with the Python it was made from (a system upgrade): then it is made again.
$(shell for v in .venv .venv-check .venv-peers; do [ ! -d $$v ] || $$v/bin/python -c '' 2>/dev/null || rm -f $$v/.made-*; done)

# ---- For everybody -----------------------------------------------------------------------------------------------

define HELP
SpatialGo: spatial transcriptomics in Go, from Visium counts to completed expression maps.

  make demo            one slide from counts to maps, as a notebook and as a web page, in build/demo
  make demo DATA=dir   the same with your own Space Ranger output folder
  make lab             the notebooks, live, in JupyterLab
  make build           the programs, in bin/: spared (curate slides), spackle (complete missing expression)

  make test            all that is tested: Go packages, notebooks, files read back by scanpy and squidpy
  make check           formatting, go vet and staticcheck only
  make bench           how fast the kernels are; BENCH=regexp and PKG=./spared/sparse narrow it
  make datasets        a data set from each set of real slides beside this folder, and a table of them
  make completion      all completers on real and made-up slides, the tables of docs/completion.md; hours
  make peers           the same work by the Python libraries and by SpatialGo, in one table
  make notebooks       execute the notebooks and keep their outputs, to be committed
  make lock            resolve requirements/*.in again; UPGRADE=1 takes newer versions
  make clean           remove what was built; make distclean: the Python environments too

Needs Go 1.26, Python 3.10 and make, and root or sudo while a system package is missing. Everything else
is installed when a target needs it, into this folder; the second time is quick.

For plain go commands in your own shell:  eval "$$(tools/cgoenv.sh)" && go test ./...
endef

.PHONY: help
help: export TEXT := $(HELP)
help:
	@printf '%s\n' "$$TEXT"

.PHONY: build
build: | system-build
	$(GO) build -o bin/ ./spared/cmd/spared ./spackle/cmd/spackle

.PHONY: demo
demo: build venv kernel
	$(GO) build -o $(DEMO) ./internal/demo
	$(JUPYTER) $(DEMO) --data "$(DATA)" --out build/demo

# The notebooks of this folder are trusted, so that their charts are live at once: who starts JupyterLab here runs
# this folder's code anyway. Jupyter refuses root unless told; in a container there is nobody else. Its search for
# language servers is off: gopls is the kernel's, and the search runs npm, which writes to the home directory.
.PHONY: lab
lab: venv kernel $(call TOOL,gopls)
	$(if $(NOTEBOOKS),@$(JUPYTER) jupyter trust $(NOTEBOOKS))
	$(JUPYTER) jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) \
		--ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/notebooks \
		--MultiKernelManager.default_kernel_name=gonb --LanguageServerManager.autodetect=False

# ---- Tests -------------------------------------------------------------------------------------------------------

.PHONY: test
test: check test-go test-notebooks test-h5ad

.PHONY: check
check: $(call TOOL,staticcheck) | system-build
	@bad=$$(find . \( -path './.?*' -o -path ./build -o -path ./notebooks/work \) -prune -o -name '*.go' -print0 \
		| xargs -0 gofmt -l); [ -z "$$bad" ] || { echo "gofmt -w these:"; echo "$$bad"; exit 1; }
	$(GO) vet ./...
	STATICCHECK_CACHE="$(CURDIR)/build/staticcheck" tools/cgoenv.sh $(BIN)/staticcheck ./...

# For the Python that reads our files back: no window, and no folder in the home directory.
test-go test-h5ad: export MPLBACKEND := agg
test-go test-h5ad: export MPLCONFIGDIR := $(CURDIR)/build/matplotlib

# CHROMIUM and SPATIALGO_CHECK_PYTHON tell tests which browser and which Python to use; without them they skip.
.PHONY: test-go
test-go: venv $(CHECK) | system-build system-browser
	CHROMIUM="$$(tools/find.sh browser || true)" SPATIALGO_CHECK_PYTHON="$(CURDIR)/.venv-check/bin/python" \
		tools/cgoenv.sh tools/test_go.sh

# The notebooks start from nothing, in a folder of their own; then their pages are opened in a browser.
TESTDIR := build/test
.PHONY: test-notebooks
test-notebooks: venv kernel | system-browser
	rm -rf $(TESTDIR) && mkdir -p $(TESTDIR)
	$(JUPYTER) python tools/run_notebooks.py --out $(TESTDIR)/notebooks --set work="$(CURDIR)/$(TESTDIR)" $(NOTEBOOKS)
	CHROMIUM="$$(tools/find.sh browser || true)" SPATIALGO_PAGES="$(CURDIR)/$(TESTDIR)" \
		tools/cgoenv.sh go test -count=1 ./notebooks

# The notebooks have just written these.
.PHONY: test-h5ad
test-h5ad: $(CHECK)
	.venv-check/bin/python -W ignore tools/check_h5ad.py $(TESTDIR)/*.h5ad

# A minute for each reader of bytes, after make test on the CI machine; FUZZTIME=1h for a night.
.PHONY: test-fuzz
test-fuzz: export FUZZTIME := $(or $(FUZZTIME),60s)
test-fuzz: | system-build
	tools/cgoenv.sh tools/fuzz.sh

.PHONY: bench
bench: | system-build
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG) | grep -v 'no test files'

# Side by side with the Python libraries, in the same run; PEERS narrows it to tasks. 7 GB of Python the first time.
PEERS ?=
.PHONY: peers
peers: $(PEERS_VENV) | system-build
	$(GO) build -o build/bin/peers ./internal/peers
	OMP_NUM_THREADS=$$(nproc) .venv-peers/bin/python tools/peers.py build/bin/peers .venv-peers/bin/python build/peers \
		../shared/data $(PEERS)

# A data set from each set of slides in SLIDES, and the table of docs/datasets.md.
SLIDES ?= ../shared/data
.PHONY: datasets
datasets: build $(CHECK)
	.venv-check/bin/python tools/datasets.py bin/spared $(SLIDES) build/datasets
	.venv-check/bin/python -W ignore tools/check_h5ad.py build/datasets/*.h5ad

# All completers against each other on slides in SLIDES, the tables of docs/completion.md. Kept step by step, so it can
# be stopped; COMPLETION takes options of tools/completion.py.
COMPLETION ?=
.PHONY: completion
completion: build venv
	$(JUPYTER) python -B tools/completion.py bin/spared bin/spackle $(SLIDES) build/completion $(COMPLETION)

# ---- For those who change things ---------------------------------------------------------------------------------

.PHONY: notebooks
notebooks: venv kernel
	$(JUPYTER) python tools/run_notebooks.py --inplace $(NOTEBOOKS)

# One lock serves Python 3.10 and later on every platform (the peers: 3.11). The engine is locked alone, without what
# it depends on.
compile = UV_CUSTOM_COMPILE_COMMAND="make lock" ../.venv/bin/uv pip compile -q --generate-hashes \
	--universal --python-version $(1) --annotation-style line $(if $(UPGRADE),--upgrade)
.PHONY: lock
lock: venv
	cd requirements && for f in uv jupyter check; do $(call compile,3.10) $$f.in -o $$f.txt; done
	cd requirements && $(call compile,3.10) --no-deps engine.in -o engine.txt
	cd requirements && $(call compile,3.11) peers.in -o peers.txt

.PHONY: clean distclean
clean:
	rm -rf build bin
distclean: clean
	rm -rf .venv .venv-check .venv-peers

# ---- Steps -------------------------------------------------------------------------------------------------------

.PHONY: system-build system-python system-browser
system-build system-python: system-%:
	@tools/system.sh $*
system-browser:
	@tools/system.sh browser || echo "Tests that look at pages are skipped."

PKG_gonb := github.com/janpfeifer/gonb
PKG_goimports := golang.org/x/tools/cmd/goimports
PKG_gopls := golang.org/x/tools/gopls
PKG_staticcheck := honnef.co/go/tools/cmd/staticcheck
build/tools/.%-$(TOOLS_KEY): | system-build
	GOBIN="$(CURDIR)/$(BIN)" go -C tools install $(PKG_$*)
	@touch $@

.PHONY: venv
venv: $(VENV) $(ENGINE)
$(VENV): | system-python
	tools/venv.sh .venv requirements/jupyter.txt
	@mkdir -p .venv/share/jupyter/lab/settings
	@cp tools/overrides.json .venv/share/jupyter/lab/settings/
	@touch $@

# Only speed depends on the engine: without it the same models train in pure Go.
$(ENGINE): $(VENV)
	@if [ "$$(uname -sm)" != "Linux x86_64" ]; then \
		echo "No XLA engine for $$(uname -sm): models train in pure Go, more than ten times slower."; touch $@; \
	elif tools/venv.sh --add .venv requirements/engine.txt; then touch $@; \
	else echo "The XLA engine could not be installed: models train in pure Go, more than ten times slower."; fi

.PHONY: venv-check
venv-check: $(CHECK)
$(CHECK): | system-python
	tools/venv.sh .venv-check requirements/check.txt
	@touch $@

$(PEERS_VENV): | system-python
	tools/venv.sh .venv-peers requirements/peers.txt
	@touch $@

.PHONY: kernel
kernel: $(KERNEL)
$(KERNEL): $(VENV) $(call TOOL,gonb) $(call TOOL,goimports) | system-build
	tools/kernel.sh
	@touch $@
