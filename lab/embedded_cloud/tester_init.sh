#!/bin/sh
# Becomes process 1 of the tester: tester_init.sh FOLDER
#     BRIDGE:ADDRESS/PREFIX...
#
# The tester has the machine's files, but a network and a process table of its
# own: it holds the bridges that the hosts' cards are plugged into, and Tempest
# runs in it. Says "ready" when the bridges are there, ends when FOLDER is gone.
set -eu

folder=$1
shift

mount --make-rprivate /
mount -t proc proc /proc
ip link set lo up
for bridge; do
    ip link add "${bridge%%:*}" type bridge
    ip address add "${bridge#*:}" dev "${bridge%%:*}"
    # the hosts' user-space switches do not fill in checksums
    ethtool -K "${bridge%%:*}" tx off > /dev/null
    ip link set "${bridge%%:*}" up
done
echo ready
while [ -d "$folder" ]; do
    sleep 5
done
