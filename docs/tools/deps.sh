#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deps.sh [PACKAGE...]: what make docs needs, and these, from Debian.
set -eu

missing=
for p in python3 python3-markdown graphviz "$@"; do
	dpkg -s "$p" 2>/dev/null | grep -q '^Status: install ok' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $missing
