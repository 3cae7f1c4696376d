#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# before.sh FOLDER: the model checker, on this machine. MODEL=0 in the environment leaves it out.
set -eu

[ "${MODEL:-1}" = 0 ] && exit 0
mkdir -p "$BUILD/labs"
gcc -std=gnu17 -O1 -Wall -DMODEL -I"$1" "$1"/lab.c "$1"/model/model.c -o "$BUILD/labs/$(basename "$1")-model"
"$BUILD/labs/$(basename "$1")-model"
