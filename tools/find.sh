#!/usr/bin/env bash
# Prints the path of a program that this machine has under one name or another.
#
#   tools/find.sh python      Python 3.10 or newer that can make virtual environments
#   tools/find.sh browser     Chromium or Chrome that can run headless
#
# Fails, silently, where there is none. PYTHON and CHROMIUM name one to prefer.
set -euo pipefail

python() {
	local name
	for name in "${PYTHON:-}" python3 /usr/bin/python3 python3.{14,13,12,11,10}; do
		# Debian's python3 lacks ensurepip until python3-venv is there.
		if [ -n "$name" ] && "$name" -c '
import sys, venv, ensurepip
assert sys.version_info >= (3, 10)
print(sys.executable)' 2>/dev/null; then
			return
		fi
	done
	return 1
}

browser() {
	local name path
	for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable \
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
		/Applications/Chromium.app/Contents/MacOS/Chromium; do
		# Ubuntu's chromium-browser may be a script that only says to install a snap: ask it.
		if path=$(command -v "$name") && "$path" --version >/dev/null 2>&1; then
			echo "$path"
			return
		fi
	done
	return 1
}

case "${1:-}" in
python | browser) "$1" ;;
*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
