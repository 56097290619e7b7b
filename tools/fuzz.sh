#!/usr/bin/env bash
# Runs every fuzz target of the module for a while: what reads bytes must not panic, hang or ask for memory without end.
#
#   tools/fuzz.sh [PACKAGE...]     FUZZTIME=60s each; as many at once as there are cores
#
# Inputs that Go finds on the way stay in its cache; one that fails is left under testdata/fuzz, to be committed.
set -euo pipefail
cd "$(dirname "$0")/.."
export FUZZTIME=${FUZZTIME:-60s}

targets=$(mktemp)
logs=$(mktemp -d)
export logs
trap 'rm -rf "$targets" "$logs"' EXIT
go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "${@:-./...}" | while read -r package; do
	go test -list '^Fuzz' "$package" | sed -n "s|^Fuzz.*|$package &|p"
done >"$targets"

# One worker each: the cores are shared out among targets, not within one.
one() {
	log=$logs/${1//\//_}.$2
	if go test -vet=off -run '^$' -fuzz "^$2\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 5x -parallel 1 "$1" >"$log" 2>&1 || ended "$log"; then
		echo "ok    $1 $2  $(sed -n 's/.*execs: \([0-9]*\).*/\1 inputs/p' "$log" | tail -1)"
	else
		echo "FAIL  $1 $2"
		tail -40 "$log"
		return 1
	fi
}
# Before 1.27, Go now and then takes the end of its own time for a failure (go.dev/issue/75804): then there is no
# failing input.
ended() { grep -q 'context deadline exceeded' "$1" && ! grep -qE 'Failing input|panic:|hung or terminated' "$1"; }
export -f one ended
nproc=$(getconf _NPROCESSORS_ONLN)
xargs -P "$nproc" -L 1 bash -c 'one "$0" "$1"' <"$targets"
echo "$(wc -l <"$targets") fuzz targets, $FUZZTIME each"
