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
# Reads back what storage_writer.sh wrote: from the disk where that can be
# done, past what the guest has in its memory. Runs under any POSIX shell
# (busybox, dash, bash); shell.py sends it along, as it does with control.sh,
# whose form the answer has.
#
# Usage: sh -c "$(cat storage_reader.sh)" storage_reader FILE
#   FILE  as storage_writer.sh named it
#
# The answer: "from disk", or "from memory"; and as its log
#   PLACE NUMBER TOKEN      a whole record, at that place in the file
#   PLACE torn LINE TEXT    one whose lines differ: the first that does
#   PLACE empty             nothing was written there

file=$1

LC_ALL=C
export LC_ALL

[ -f "$file" ] || {
    echo "error $file is gone"
    echo complete
    exit 0
}
direct=
if dd if="$file" of=/dev/null bs=4096 count=1 iflag=direct 2>/dev/null; then
    direct=iflag=direct
    echo 'from disk'
else
    echo 'from memory'
fi
echo log
# Bytes that are none of its are shown as "?", line ends as well: so that all
# lines have their length, whatever became of them.
# shellcheck disable=SC2086 # one word or none
dd if="$file" bs=4096 $direct 2>/dev/null | tr -c '0-9a-zA-Z -' '?' |
    fold -w 64 | awk '
        NR % 64 == 1 { first = $0; torn = "" }
        $0 != first && torn == "" { torn = (NR - 1) % 64 + 1 " " $0 }
        NR % 64 == 0 {
            place = NR / 64 - 1
            if (torn != "")
                print place, "torn", torn
            else if (first ~ /^[?]*$/)
                print place, "empty"
            else {
                # busybox takes one with zeros in front for an octal number
                number = substr(first, 1, 10)
                sub(/^0+/, "", number)
                print place, number, substr(first, 12, 36)
            }
        }'
echo 'end of log'
echo complete
