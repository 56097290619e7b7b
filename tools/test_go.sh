#!/usr/bin/env bash
# Tests every Go package, under the race detector where that is affordable.
#
# Packages that train with GoMLX run without it: their time goes into tensor kernels, which the
# detector slows more than tenfold, and into the XLA plugin, C++ that it cannot see into.
# shellcheck disable=SC2086 # package lists are split on purpose
set -euo pipefail

# Two more spend minutes under the detector on work that runs in one goroutine (pages in a browser,
# painted tissue): of those only the tests of what runs in parallel, and all of them without it.
costly=$(go list ./widgets ./spared/simulate)
parallel='SameBytes|Throttle'

# X.test is the program that go builds from the tests of X; it depends on all that they reach.
programs=$(go list -test -f '{{.ImportPath}} {{join .Deps " "}}' ./... | grep -E '^[^ ]+\.test ')
race=$(grep -v ' github.com/gomlx/' <<<"$programs" | sed 's/\.test .*//' | grep -vxF "$costly" || true)
plain=$(grep ' github.com/gomlx/' <<<"$programs" | sed 's/\.test .*//' || true)

# go vet has had its turn (make check). All parts run, whatever the first one says.
failed=0
[ -z "$race" ] || go test -race -vet=off -timeout 10m $race || failed=1
go test -race -vet=off -timeout 10m -short -run "$parallel" $costly || failed=1
[ -z "$plain" ] || go test -vet=off -timeout 10m $plain $costly || failed=1
exit $failed
