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
# Prints the log of a metadata_probe that runs in this guest, from its beginning
# and as it grows, for as long as the SSH session lasts that it is a part of.
# Runs under any POSIX shell (busybox, dash, bash).
#
# Usage: sh -c "$(cat metadata_follow.sh)" metadata_follow DIRECTORY LIFETIME
#   DIRECTORY  that of the probe
#   LIFETIME   whole seconds after which it ends by itself
#
# The first line says what runs, or what is in the way:
#   metadata_follow 1
#   error TEXT
# Then come the lines of the log. It ends with its input.

log=$1/log lifetime=$2

# Ends this shell, in which nothing else waits for the time to be over. It holds
# nothing of the session open.
watch() {
    trap 'kill "$sleeper" 2>/dev/null; exit' TERM
    sleep "$lifetime" &
    sleeper=$!
    wait "$sleeper"
    kill "$$" 2>/dev/null
}

[ -f "$log" ] || {
    echo "error there is no $log"
    exit 1
}
watch </dev/null >/dev/null 2>&1 &
watcher=$!
trap 'kill "$watcher" "$follower" 2>/dev/null' EXIT
trap exit HUP TERM PIPE

echo 'metadata_follow 1'
tail -n +1 -f "$log" </dev/null 2>/dev/null &
follower=$!
while read -r _; do :; done
