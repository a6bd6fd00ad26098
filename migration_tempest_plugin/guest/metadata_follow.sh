#!/bin/sh
#
#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.
#
# Prints the log of a metadata_probe that runs in this guest, as it grows, for as
# long as the SSH session lasts that it is a part of. Runs under any POSIX shell
# (busybox, dash, bash).
#
# Usage: sh -c "$(cat metadata_follow.sh)" metadata_follow DIRECTORY FIRST GRACE
#   DIRECTORY  that of the probe
#   FIRST      the number of the line to begin with, from 1 on
#   GRACE      whole seconds
#
# The first line says what runs, or what is in the way:
#   metadata_follow 1
#   error TEXT
# Then come the lines of the log. It ends with its input. Whoever has started the
# probe may have been killed then: if nobody follows it again within GRACE, it is
# ended, too: DIRECTORY is removed, without which the probe does not go on.

directory=$1 first=$2 grace=$3

log=$directory/log
owner=$directory/follower

is_ours() {
    read -r found 2>/dev/null <"$owner" && [ "$found" = "$$" ]
}

wait_and_remove() {
    trap '' HUP
    trap - EXIT
    while [ "$grace" -gt 0 ]; do
        is_ours || return
        sleep 1
        grace=$((grace - 1))
    done
    is_ours && rm -rf "$directory"
}

[ -f "$log" ] || {
    echo "error there is no $log"
    exit 1
}
echo "$$" >"$owner"
# Also where the end of the session ends it.
leave() {
    kill "$follower" 2>/dev/null
    wait_and_remove </dev/null >/dev/null 2>&1 &
}
trap leave EXIT
trap exit HUP TERM PIPE

echo 'metadata_follow 1'
tail -n "+$first" -f "$log" </dev/null 2>/dev/null &
follower=$!
while read -r _; do :; done
