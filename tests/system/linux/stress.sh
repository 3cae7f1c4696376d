# SPDX-License-Identifier: Apache-2.0
# stress-ng, each kind in turn, with its results checked.
seconds=$(word seconds)
kinds='cpu vm fork switch mmap signal io'
each=$((seconds / 7 + 1))
for kind in $kinds; do
	case $kind in
	vm) more='--vm-bytes 64M' ;;
	mmap) more='--mmap-bytes 32M' ;;
	*) more= ;;
	esac
	# shellcheck disable=SC2086
	stress-ng --temp-path /tmp --verify --timeout "${each}s" --metrics-brief --"$kind" 2 $more || die "stress-ng --$kind"
done
