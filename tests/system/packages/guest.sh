# SPDX-License-Identifier: Apache-2.0
# guest.sh NAME COMMAND TEXT: log in on a guest's console, type COMMAND, wait until it says TEXT.
escape=$(printf '\033')
name=$1 log=/var/log/ringside/console/$1.log
said() { tail -c "$1" "$log" 2>/dev/null | tr -d '\r' | sed "s/$escape\[[?0-9;]*[a-zA-Z]//g"; }
await() { # TEXT SECONDS
	n=0
	until said 4000 | grep -qE "$1"; do
		n=$((n + 1))
		[ $n -lt "$2" ] || { echo "guest.sh: $name never said $1"; tail -c 2000 "$log"; exit 1; }
		sleep 1
	done
}
say() { echo "$1" | timeout 3 ringctl console "$name" >/dev/null; true; }
if ! said 100 | tail -1 | grep -q 'root@.*# $'; then
	await 'login: $' 300
	say root
fi
await '[#] $' 60
say "$2"
await "^$3" 60
