#!/bin/sh
# Makes echarts-5.6.0.min.js.gz from the npm package, unchanged, and checks
# both checksums. Needs npm, gzip and sha256sum. Run by `go generate ./widgets`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm pack --silent echarts@5.6.0 >/dev/null
tar -xzf echarts-5.6.0.tgz package/dist/echarts.min.js
echo "bf4a223524e40b77c304bec67e1222cf551f14880cf42c69dc046558e11c07b1  package/dist/echarts.min.js" | sha256sum -c -
gzip -9 -n -c package/dist/echarts.min.js >"$here/echarts-5.6.0.min.js.gz"
cd "$here"
sha256sum -c echarts-5.6.0.min.js.gz.sha256
