# SPDX-License-Identifier: Apache-2.0
# A guest with as many vCPUs as there can be, on two CPUs: all come up, all work, all but some go and come back.
start_all
conf s 'vcpus = 64'
is 'a guest with 64 vCPUs' ringctl create /tmp/s.conf memory=512 || finish
is 'it comes up' up s 300 || finish
tell s 'echo cpus-$(nproc)-a'
is 'with all of them' await s cpus-64-a 30
tell s 'for i in $(seq 64); do taskset $(printf %x $((1 << (i - 1)))) sh -c "n=0; while [ \$n -lt 200 ]; do n=\$((n + 1)); done" & done; wait; echo worked-$((1 + 1))'
is 'each runs what is put on it' await s worked-2 120
is 'each has run' [ "$(ringctl vcpu list --json s | grep -cE '"cpu_time_ns": [0-9]{7,}')" = 64 ]
is 'eight' ringctl vcpu set s 8
tell s 'n=0; until [ $(nproc) = 8 ] || [ $n = 60 ]; do sleep 1; n=$((n + 1)); done; echo cpus-$(nproc)-b'
is 'it has eight' await s cpus-8-b 120
is 'all again' ringctl vcpu set s 64
tell s 'n=0; until [ $(nproc) = 64 ] || [ $n = 60 ]; do sleep 1; n=$((n + 1)); done; echo cpus-$(nproc)-c'
is 'it has all again' await s cpus-64-c 120
is 'it shuts down' ringctl shutdown --wait --timeout 120 s
is 'audit' ringctl audit
finish
