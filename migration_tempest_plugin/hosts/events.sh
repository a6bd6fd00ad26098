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
# Prints libvirt's events until its standard input ends, which it does with the
# connection that runs this.
#
# Usage: events.sh LIFETIME BESIDE VIRSH
#   LIFETIME  seconds after which it ends by itself
#   BESIDE    the words that run a command where libvirt is ("podman exec
#             nova_libvirt"), quoted for a shell; none where that is here
#   VIRSH     those that ask libvirt there, quoted likewise
#
# What ends "podman exec" does not end what it runs: that is asked for its pid,
# and killed where it is.
set -eu

lifetime=$1 beside=$2 virsh=$3
messages=$(mktemp)
trap 'rm -f "$messages"' EXIT

# shellcheck disable=SC2016,SC2034  # for the shell there; used by eval
begin='echo "$$" >&2; exec "$@"' end='kill "$1"'
exec 3<&0
eval "$beside sh -c \"\$begin\" sh $virsh event --all --loop --timestamp \
    --timeout $lifetime" < /dev/null 2> "$messages" 3<&- &
events=$!
{
    cat <&3 > /dev/null
    pid=$(sed -n 1p "$messages")
    eval "$beside sh -c \"\$end\" sh $pid"
} 2> /dev/null &
reader=$!
exec 3<&-
wait "$events" || status=$?
kill "$reader" 2> /dev/null || true
sed 1d "$messages" >&2
exit "${status:-0}"
