#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# man_check.sh: ringctl(1) has every verb and option that the program has, ringside-guest(5) every key of the
# example, and completion offers what it should. RINGCTL: the program.
. tests/unit/tools/check.sh
ringctl=${RINGCTL:-build/tools/ringctl}
page=$(sed 's/\\-/-/g; s/\\f[BRIP]//g' tools/man/ringctl.1)
keys=$(sed 's/\\f[BRIP]/ /g; s/, / /g' tools/man/ringside-guest.5)
has() { printf '%s\n' "$page" | grep -qE "$1"; }
has_key() { printf '%s\n' "$keys" | grep -qE "^\.(B|BR|TP|SS).*\<$1\>"; }

for verb in $("$ringctl" help --verbs | tr ' ' _); do
	verb=$(echo "$verb" | tr _ ' ')
	case $verb in
	unpause) is "verb $verb" has "unpause" ;;
	*) is "verb $verb" has "^\.(B|BI|BR|TP) *\"?$verb\>" ;;
	esac
	# shellcheck disable=SC2086
	for option in $("$ringctl" help --options $verb); do
		is "option $option of $verb" has "(^|[^a-z-])$option([^a-z-]|\$)"
	done
done
for verb in $(printf '%s\n' "$page" | sed -n 's/^\.B[IR]* *"\([a-z]* [a-z]*\)".*/\1/p' | tr ' ' _); do
	# shellcheck disable=SC2086
	is "the page's verb $verb" "$ringctl" help $(echo "$verb" | tr _ ' ')
done
for key in $(sed -n 's/^\t*#\{0,1\}\t*\([a-z_]*\) = .*/\1/p' tools/ringctl/example.conf | sort -u); do
	is "key $key" has_key "$key"
done
code=0
for name in $(sed -n 's/^\tEXIT_\([A-Z_]*\),.*/\1/p' tools/ringctl/ringctl.h); do
	is "exit code $code ($name)" has "^$code	[a-z]"
	code=$((code + 1))
done
for p in tools/man/*; do
	is "$p is well-formed" sh -c "! command -v mandoc || ! mandoc -Tlint -W error $p | grep ."
done
# A ringctl that has guests, on a host that has none.
cat >"$dir/ringctl" <<END
#!/bin/sh
case "\$*" in
'list --names') printf 'dom0\nweb1\n' ;;
'list --all') printf 'NAME  ID  MEM(MiB)  VCPUS  STATE    TIME(s)  AUTOSTART\ndom0   0       490      2  running     32.0  -
web1   1        31      1  running      4.1  -\nweb3   -         -      -  off            -  no\n' ;;
'block list web1') printf 'GUEST  NR  DISK  SIZE(MiB)\nweb1    0  data         32\n' ;;
*) exec "$(realpath "$ringctl")" "\$@" ;;
esac
END
chmod +x "$dir/ringctl"
complete_words() {
	PATH=$dir:$PATH bash -c '
		. tools/completion/ringctl
		COMP_WORDS=('"$1"'); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_ringctl; printf "%s\n" "${COMPREPLY[@]}"' | grep -qx -- "$2"
}
is 'completion of verbs' complete_words 'ringctl cre' create
is 'completion of second words' complete_words 'ringctl block at' attach
is 'completion of options' complete_words 'ringctl create --dr' --dry-run
is 'completion of options of two words' complete_words 'ringctl net attach --br' --bridge
is 'completion of hypercalls' complete_words 'ringctl hypercall domain_in' domain_info
is 'completion of guests' complete_words 'ringctl console ""' web1
lacks_word() { ! complete_words "$@"; }
is 'and dom0 is none' lacks_word 'ringctl destroy ""' dom0
is 'nor what runs one that may start' lacks_word 'ringctl start ""' web1
is 'but may be asked for' complete_words 'ringctl info ""' dom0
is 'completion of what may start' complete_words 'ringctl start ""' web3
is 'completion of what is defined' complete_words 'ringctl edit ""' web3
is 'completion of files' complete_words 'ringctl block attach web1 tools/man/ringctl.' tools/man/ringctl.1
is 'completion of disks' complete_words 'ringctl block detach --force web1 ""' data
is 'completion of states' complete_words 'ringctl wait web1 ""' paused
is 'completion of an option of words' complete_words 'ringctl top --sort ""' hcall
is 'completion of help' complete_words 'ringctl help vcpu ""' pin
finish
