#!/usr/bin/env bash
# Makes a Python environment that holds exactly what a lock file lists.
#
#   tools/venv.sh DIR LOCK            make DIR anew from LOCK
#   tools/venv.sh --add DIR LOCK      add LOCK's packages alone, without what they depend on
#
# pip installs uv, and uv the rest, ten times faster; both check every file against its sha256.
set -euo pipefail
repo=$(cd "$(dirname "$0")/.." && pwd)

only=()
if [ "${1:-}" = --add ]; then
	only=(--no-deps)
	shift
fi
dir=$1 lock=$2
pip() { "$dir/bin/python" -m pip "$@"; }

if [ ${#only[@]} -eq 0 ]; then
	python=$("$repo/tools/find.sh" python)
	"$python" -m venv --clear "$dir"
	pip install -q --disable-pip-version-check --require-hashes -r "$repo/requirements/uv.txt"
fi

# A mirror or certificate set for pip serves uv too, which does not read pip's settings.
index=${PIP_INDEX_URL:-$(pip config get global.index-url 2>/dev/null || true)}
export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index} SSL_CERT_FILE=${SSL_CERT_FILE:-${PIP_CERT:-}}
[ -n "$UV_DEFAULT_INDEX" ] || unset UV_DEFAULT_INDEX
[ -n "$SSL_CERT_FILE" ] || unset SSL_CERT_FILE
# uv would make a folder for Pythons of its own in the home directory, even to look into.
export UV_PYTHON_DOWNLOADS=never UV_PYTHON_INSTALL_DIR=$dir/uv
# Hard links fail across file systems, with a warning that looks like trouble.
export UV_LINK_MODE=${UV_LINK_MODE:-copy}

# Compiled now, at full speed on all cores, not in front of the person who starts JupyterLab.
"$dir/bin/uv" pip install -q --python "$dir/bin/python" --compile-bytecode --require-hashes \
	${only[@]+"${only[@]}"} -r "$lock"
