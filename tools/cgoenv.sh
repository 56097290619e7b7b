#!/usr/bin/env bash
# The cgo flags with which this machine's HDF5 C library is compiled and linked.
#
#   tools/cgoenv.sh go test ./...     run a command with the flags
#   eval "$(tools/cgoenv.sh)"         set them in this shell
#
# Distributions put HDF5 in folders that no compiler searches by itself (Debian keeps one per MPI
# flavour), and cgo can only be told by environment. HDF5_DIR names another installation (a
# folder with include/ and lib/).
set -euo pipefail
shopt -s nullglob

# Each of these sets inc and lib, or fails. Empty flags: a folder that the compiler searches anyway.
from_prefix() {
	[ -e "$1/include/hdf5.h" ] || return 1
	inc="-I$1/include"
	lib="-L$1/lib -Wl,-rpath,$1/lib"
}

from_pkg_config() {
	command -v pkg-config >/dev/null || return 1
	local name
	for name in hdf5-serial hdf5; do
		if pkg-config --exists "$name"; then
			inc=$(pkg-config --cflags-only-I "$name")
			lib=$(pkg-config --libs-only-L "$name")
			return
		fi
	done
	return 1
}

from_system() {
	local libs=(/usr/lib/*/hdf5/serial/libhdf5.so)
	if [ -e /usr/include/hdf5/serial/hdf5.h ] && [ ${#libs[@]} -gt 0 ]; then
		inc=-I/usr/include/hdf5/serial
		lib=-L${libs[0]%/libhdf5.so}
	elif [ -e /usr/include/hdf5.h ]; then
		inc='' lib=''
	elif command -v brew >/dev/null; then
		from_prefix "$(brew --prefix 2>/dev/null)" # where brew links all libraries, libdeflate and vips too
	else
		return 1
	fi
}

# Once set, CGO_CFLAGS replaces Go's own default (-O2 -g), so that is carried along.
# What is there already is not added twice: nested calls change nothing.
extend() { # extend VARIABLE FLAGS
	local have
	have=$(printenv "$1" || go env "$1" 2>/dev/null || echo "-O2 -g")
	case " $have " in
	*" $2 "*) echo "$have" ;;
	*) echo "$have${2:+${have:+ }$2}" ;;
	esac
}

if [ -n "${HDF5_DIR:-}" ]; then
	if ! from_prefix "$HDF5_DIR"; then
		echo "cgoenv: HDF5_DIR is $HDF5_DIR, but there is no include/hdf5.h in it" >&2
		exit 1
	fi
elif ! from_pkg_config && ! from_system; then
	echo "cgoenv: the HDF5 C library is missing (Debian, Ubuntu: libhdf5-dev; Fedora: hdf5-devel; Homebrew: hdf5)" >&2
	exit 1
fi
read -r inc <<<"$inc" || true # pkg-config ends its flags with a blank
read -r lib <<<"$lib" || true

CGO_CFLAGS=$(extend CGO_CFLAGS "$inc")
CGO_LDFLAGS=$(extend CGO_LDFLAGS "$lib")
export CGO_CFLAGS CGO_LDFLAGS

if [ $# -gt 0 ]; then
	exec "$@"
fi
printf "export CGO_CFLAGS='%s'\nexport CGO_LDFLAGS='%s'\n" "$CGO_CFLAGS" "$CGO_LDFLAGS"
