#!/usr/bin/env bash
# Registers the Go kernel (GoNB) with the Jupyter of .venv, and with no other.
#
# The kernel's file holds absolute paths: of GoNB, of this folder, of go. Run again after a move.
set -euo pipefail
repo=$(cd "$(dirname "$0")/.." && pwd)
share=$repo/.venv/share/jupyter
export PATH=$repo/build/tools/bin:$PATH

# --go_work      notebooks import this module as it stands here, with no go.mod lines of their own
# --raw_error    compiler messages as text, so that a log shows them
# --force_deps   gopls may come later: it only completes and explains while a person types
# It is talkative: its words are shown where it fails.
if ! said=$(JUPYTER_DATA_DIR=$share gonb --install --force_deps --raw_error --go_work="$repo" 2>&1); then
	echo "$said" >&2
	exit 1
fi

# A cell is compiled by a go command that the kernel starts, so the kernel gets what `make` gives to go.
# It is linked without tables for a debugger, and by Go's own linker where that can link all of this module with the C
# libraries (a link of everything tells): together these take off more than half of the time that a cell takes to build.
# Jupyter replaces ${PATH} when the kernel starts.
link='-s -w'
if "$repo/tools/cgoenv.sh" go build -C "$repo" -ldflags="$link -linkmode=internal" -o /dev/null ./internal/demo 2>/dev/null; then
	link+=' -linkmode=internal'
fi
"$repo/tools/cgoenv.sh" env \
	SPATIALGO_VENV="$repo/.venv" \
	GOFLAGS="$(go env GOFLAGS) '-ldflags=$link'" \
	KERNEL_PATH="$repo/build/tools/bin:$(dirname "$(command -v go)"):\${PATH}" \
	"$repo/.venv/bin/python" - "$share/kernels/gonb/kernel.json" <<'PYTHON'
import json, os, sys

path = sys.argv[1]
with open(path) as f:
    spec = json.load(f)
spec["env"] = {
    "CGO_CFLAGS": os.environ["CGO_CFLAGS"],
    "CGO_LDFLAGS": os.environ["CGO_LDFLAGS"],
    "GOFLAGS": os.environ["GOFLAGS"].strip(),
    "GOMLX_NO_AUTO_INSTALL": "1",  # never download a compute engine while a cell runs
    "PATH": os.environ["KERNEL_PATH"],
    "SPATIALGO_VENV": os.environ["SPATIALGO_VENV"],
}
with open(path, "w") as f:
    json.dump(spec, f, indent=1)
    f.write("\n")
PYTHON
