# SPDX-License-Identifier: Apache-2.0
# guest.sh NAME COMMAND TEXT: log in on a guest's console, type COMMAND, wait until it says TEXT.
escape=$(printf '\033')
name=$1 log=/var/log/ringside/console/$1.log
said() { tail -c "$1" "$log" 2>/dev/null | tr -d '\r' | sed "s/$escape\[[?0-9;]*[a-zA-Z]//g"; }
say() { echo "$1" | timeout 3 ringctl console "$name" >/dev/null; true; }
await() { # TEXT SECONDS
	n=0
	until said 4000 | grep -qE "$1"; do
		n=$((n + 1))
		[ $n -lt "$2" ] || { echo "guest.sh: $name never said $1"; tail -c 2000 "$log"; exit 1; }
		sleep 1
	done
}
# What the kernel says may stand behind a prompt: an empty line brings another one.
prompt() { said 200 | tail -1 | grep -qE "$1 \$"; }
n=0
until prompt 'root@.*#'; do
	n=$((n + 1))
	[ $n -lt 300 ] || { echo "guest.sh: $name has no prompt"; tail -c 2000 "$log"; exit 1; }
	if prompt 'login:'; then
		say root
	elif [ $((n % 10)) = 0 ]; then
		say ''
	fi
	sleep 1
done
say "$2"
await "^$3" 60
