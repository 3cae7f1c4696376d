# SPDX-License-Identifier: Apache-2.0
# Create and destroy, test.rounds times (100), with a disk and a card: nothing is left.
start_all
conf r 'disk "d" { path = "/srv/web1.img" }' 'net "n" { }'
is 'once' ringctl create /tmp/r.conf
is 'and destroyed' ringctl destroy r
sleep 1
before=$(frames) traces_before=$(traces) i=0 failures=0
while [ $i -lt "$(word rounds || echo 100)" ]; do
	ringctl create --times /tmp/r.conf >/tmp/r.out 2>&1 || failures=$((failures + 1))
	[ $((i % 10)) != 0 ] || sed -n '$p' /tmp/r.out
	ringctl destroy r || failures=$((failures + 1))
	i=$((i + 1))
done
is 'every round' [ $failures = 0 ]
sleep 1
echo "after $i rounds: frames $before, $(frames); traces $traces_before, $(traces)"
is 'no loop device, interface or record left' [ "$(traces)" = "$traces_before" ]
is 'no frame left' [ "$(frames)" -ge $((before - 64)) ]
is 'audit' ringctl audit
finish
