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
# Pings an address from inside a guest, for as long as the SSH session lasts
# that it is a part of, and prints when each answer came. Runs under any POSIX
# shell (busybox, dash, bash).
#
# Usage: sh -c "$(cat ping_stream.sh)" ping_stream ADDRESS INTERVAL LIFETIME
#   INTERVAL  seconds from one packet to the next, as ping takes them
#   LIFETIME  whole seconds after which it ends by itself
#
# The first line says what runs, or what is in the way:
#   ping_stream 1 interval=SECONDS
#   error TEXT
# Then a line for each answer: the guest's clock (/proc/uptime), and what ping
# says of the answer.

address=$1 interval=$2 lifetime=$3

LC_ALL=C
export LC_ALL

case $address in
*:*) ping=ping6 ;;
*) ping=ping ;;
esac
command -v "$ping" >/dev/null || ping=ping

# Sets $command to how this user can ping: busybox lets root alone do it. The
# other one may just have booted, and have its address in a moment.
choose_command() {
    for _ in 1 2 3 4 5; do
        command=$ping
        said=$($command -c 1 -W 2 "$address" 2>&1) && return
        if command -v sudo >/dev/null; then
            command="sudo -n $ping"
            said=$($command -c 1 -W 2 "$address" 2>&1) && return
        fi
        sleep 1
    done
    echo "error ping $address: $(echo "$said" | tail -n 1)"
    exit 1
}

# Old ones of busybox know whole seconds only, and older ones no interval: they
# send a packet each second.
choose_interval() {
    options="-i $interval"
    works && return
    interval=1 options='-i 1'
    works && return
    options=
    works && return
    echo "error ping $address: it can't be set to end by itself ($said)"
    exit 1
}

works() {
    # shellcheck disable=SC2086 # these are lists of words
    said=$($command $options -w 3 -c 1 -W 2 "$address" 2>&1) || {
        said=$(echo "$said" | head -n 1)
        return 1
    }
}

choose_command
choose_interval
echo "ping_stream 1 interval=$interval"
# ping ends when it has an answer that nobody reads any more, or when its time
# is over: another user's process can't be ended by this one. That of toybox
# sends three packets unless said otherwise.
# shellcheck disable=SC2086 # a list of words
$command $options -c 1000000000 -w "$lifetime" "$address" 2>/dev/null |
    while read -r line; do
        case $line in
        *seq=*)
            read -r now _ </proc/uptime
            echo "$now $line" || exit
            ;;
        esac
    done &
reader=$!
# until the session is over
cat >/dev/null
kill "$reader" 2>/dev/null
