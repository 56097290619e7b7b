#!/usr/bin/env bash
# Runs a command of .venv with all that Jupyter writes kept inside this folder.
#
#   tools/jupyter.sh jupyter lab
#   tools/jupyter.sh python tools/run_notebooks.py notebooks/*.ipynb
#
# Without these variables even `jupyter kernelspec list` makes folders in the home directory.
set -euo pipefail
repo=$(cd "$(dirname "$0")/.." && pwd)
state=$repo/build/jupyter

mkdir -p "$state"
export JUPYTER_DATA_DIR=$state/data # which notebooks are trusted
export JUPYTER_CONFIG_DIR=$state/config
export JUPYTER_RUNTIME_DIR=$state/runtime
export JUPYTERLAB_SETTINGS_DIR=$state/lab/settings
export JUPYTERLAB_WORKSPACES_DIR=$state/lab/workspaces
export IPYTHONDIR=$state/ipython

export SPATIALGO_VENV=${SPATIALGO_VENV:-$repo/.venv}
export PATH=$repo/.venv/bin:$repo/build/tools/bin:$PATH
exec "$@"
