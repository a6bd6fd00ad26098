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
# Prints the guest's clock, each time that it is asked to. Runs under any POSIX
# shell, with the SSH session that it is a part of; nothing is placed in the
# guest.
#
# Usage: sh -c "$(cat heartbeat.sh)" heartbeat LIFETIME
#   LIFETIME  whole seconds after which it ends by itself, should nobody end
#             it that the connection is gone
#
# The first line says what runs, and in which boot of the guest:
#   heartbeat 1 boot=ID
# Then each line N of the input is answered by one line
#   N UPTIME
# with the first field of /proc/uptime; but the line "load" by one line
#   load UPTIME IDLE PROCESSORS|PROCESS|...
# with the fields of /proc/uptime, how many processors there are, and
# /proc/PID/stat of this shell and of what it runs in, up to the SSH session. It
# ends with its input.

lifetime=$1

# Ends the loop when it is over, and itself when the loop is over. It holds
# nothing of the session open.
watch() {
    trap 'kill "$sleeper" 2>/dev/null; exit' TERM
    sleep "$lifetime" &
    sleeper=$!
    wait "$sleeper"
    kill "$$" 2>/dev/null
}

# It starts no process either.
tell_load() {
    count=-1  # the first line is of all of them
    while read -r name _; do
        case $name in
        cpu*) count=$((count + 1)) ;;
        *) break ;;
        esac
    done </proc/stat
    read -r line </proc/uptime
    line="load $line $count"
    pid=$$
    while [ "$pid" -gt 1 ] && read -r process 2>/dev/null <"/proc/$pid/stat"
    do
        line="$line|$process"
        case $process in
        *"("*ssh*")"* | *"(dropbear)"*) break ;;
        esac
        # Behind the name, which may hold anything: state, parent, ...
        process=${process##*") "}
        process=${process#* }
        pid=${process%% *}
    done
    echo "$line"
}

read -r boot </proc/sys/kernel/random/boot_id
watch </dev/null >/dev/null 2>&1 &
watcher=$!
trap 'kill "$watcher" 2>/dev/null' EXIT
trap exit HUP TERM PIPE

echo "heartbeat 1 boot=$boot"
while read -r number; do
    if [ "$number" = load ]; then
        tell_load || exit
        continue
    fi
    read -r uptime _ </proc/uptime
    echo "$number $uptime" || exit
done
