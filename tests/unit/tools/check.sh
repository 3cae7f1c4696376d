# SPDX-License-Identifier: Apache-2.0
# check.sh: for the *_check.sh here, which source it. They have $dir, a folder of their own that goes with them.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0

# is WHAT COMMAND...: the command succeeds.
is() {
	what=$1
	shift
	if "$@" >/dev/null 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "$(basename "$0" .sh): $what"
	fi
}

# The script's last command.
finish() {
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
}
