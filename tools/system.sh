#!/usr/bin/env bash
# Brings the system packages that a step needs, and only those that are missing.
#
#   tools/system.sh build     Go, a C compiler, the C libraries HDF5 and deflate (files) and vips (pictures)
#   tools/system.sh python    Python 3.10 or newer with venv
#   tools/system.sh browser   Chromium (or Chrome) and a font, for tests that look at pages
#
# Looks before it installs: where nothing lacks, no package manager is called. Installs with apt;
# elsewhere it says what to install. Set SPATIALGO_NO_APT=1 to be told rather than served.
set -euo pipefail
cd "$(dirname "$0")/.."

debian=() # missing, by the names of Debian and Ubuntu,
fedora=() # of Fedora,
brew=()   # and of Homebrew
lacks() { # each name may stand for several packages
	# shellcheck disable=SC2206
	debian+=($1) fedora+=($2) brew+=($3)
}

includes() {
	echo "#include <$1>" | $(go env CC) -E - >/dev/null 2>&1
}

# Debian's minimal images have neither certificates, nor then any download over TLS.
certificates() {
	[ -n "${SSL_CERT_FILE:-}" ] || [ ! -e /etc/debian_version ] || [ -s /etc/ssl/certs/ca-certificates.crt ]
}

font() {
	[ "$(uname)" = Darwin ] || find /usr/share/fonts -name '*.[to]tf' -print -quit 2>/dev/null | grep -q .
}

case "${1:-}" in
build)
	if ! command -v go >/dev/null; then
		echo "Go is missing: install Go 1.26 or newer from https://go.dev/dl and put it on PATH." >&2
		exit 1
	fi
	certificates || lacks ca-certificates ca-certificates ca-certificates
	includes stdlib.h || lacks "gcc libc6-dev" "gcc glibc-devel" gcc
	tools/cgoenv.sh >/dev/null 2>&1 || lacks libhdf5-dev hdf5-devel hdf5
	includes libdeflate.h || lacks libdeflate-dev libdeflate-devel libdeflate
	pkg-config --exists vips 2>/dev/null || lacks "libvips-dev pkg-config" "vips-devel pkgconf" "vips pkgconf"
	;;
python)
	certificates || lacks ca-certificates ca-certificates ca-certificates
	tools/find.sh python >/dev/null || lacks "python3 python3-venv" python3 python
	;;
browser)
	tools/find.sh browser >/dev/null || lacks chromium chromium chromium
	font || lacks fonts-dejavu-core dejavu-sans-fonts font-dejavu
	;;
*)
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac

[ ${#debian[@]} -gt 0 ] || exit 0

tell() {
	echo "$1 Install: ${debian[*]} (Debian, Ubuntu); ${fedora[*]} (Fedora, dnf); ${brew[*]} (Homebrew)." >&2
	exit 1
}
step=$1

[ -z "${SPATIALGO_NO_APT:-}" ] || tell "SPATIALGO_NO_APT is set."
command -v apt-get >/dev/null || tell "There is no apt-get on this machine."

# On Ubuntu the package chromium does not exist, or stands for a snap that containers cannot run.
if [ "$step" = browser ] && grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null && ! tools/find.sh browser >/dev/null; then
	tell "Ubuntu has no Chromium package: install Google Chrome, or 'snap install chromium'."
fi

as_root=(env)
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || tell "Installing needs root, and there is no sudo."
	as_root=(sudo)
	[ -t 0 ] || as_root=(sudo -n) # nobody there to type a password
fi

install() {
	"${as_root[@]}" apt-get update -q </dev/null || true
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -q --no-install-recommends "${debian[@]}" </dev/null
}

echo "Installing system packages: ${debian[*]}"
install || tell "apt-get could not install everything."
