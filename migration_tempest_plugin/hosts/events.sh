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
# Usage: events.sh LIFETIME VIRSH...
#   LIFETIME  seconds after which it ends by itself
#   VIRSH...  the words that ask libvirt
set -eu

lifetime=$1
shift
exec 3<&0
"$@" event --all --loop --timestamp --timeout "$lifetime" </dev/null 3<&- &
events=$!
{
    cat <&3 >/dev/null
    kill "$events"
} 2>/dev/null &
reader=$!
exec 3<&-
wait "$events" || status=$?
kill "$reader" 2>/dev/null || true
exit "${status:-0}"
