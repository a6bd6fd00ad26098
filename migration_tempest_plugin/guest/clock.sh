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
# Prints the guest's wall clock, and where it comes from. Runs under any POSIX
# shell (busybox, dash, bash).
#
# Usage: sh -c "$(cat clock.sh)" clock
#
# One line: "SECONDS RESOLUTION SOURCE": the time of day, in seconds with as
# many decimals as there are; what these cannot distinguish, in seconds; and the
# kernel's clocksource.

LC_ALL=C
export LC_ALL
source=unknown
read -r source </sys/devices/system/clocksource/clocksource0/current_clocksource
now=$(date +%s.%N)
case $now in
*[!0-9.]* | *.)
    # busybox: its date knows whole seconds only
    now=$(adjtimex 2>/dev/null | awk '
        /tv_sec/ { seconds = $NF } /tv_usec/ { fraction = $NF }
        END { if (seconds) printf "%d.%06d", seconds, fraction }')
    ;;
esac
if [ "$now" ]; then
    echo "$now 0 $source"
else
    echo "$(date +%s) 1 $source"
fi
