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
# Writes records to a guest's disk, one after the other, each of them on the
# disk before the next one begins. Runs under any POSIX shell (busybox, dash,
# bash), with the SSH session that it is a part of.
#
# Usage: sh -c "$(cat storage_writer.sh)" storage_writer FOLDER PAUSE RECORDS \
#            LIFETIME
#   FOLDER    on the disk; a directory is made in it, and removed at the end
#   PAUSE     seconds between two records, as sleep takes them
#   RECORDS   so many places the file has; the next one is the first again
#   LIFETIME  whole seconds after which it ends by itself
#
# The first line says what is written, and where to; or what is in the way:
#   storage_writer 1 file=PATH type=FILESYSTEM source=DEVICE
#   error TEXT
# Then a line for each record that is on the disk:
#   NUMBER TOKEN BEGIN END TICKS
# TOKEN is random, made for this record; BEGIN and END are the guest's clock
# (/proc/uptime) before and after it was written; TICKS are what this shell and
# all that it has started had taken of the processors (proc(5)) at the latest of
# every ten records. A record is a block of 4096 bytes: the line "NUMBER TOKEN",
# with the zeros and blanks that make it 63 characters, 64 times.

folder=$1 pause=$2 records=$3 lifetime=$4

LC_ALL=C
export LC_ALL
umask 077

give_up() {
    echo "error $*"
    exit 1
}

# Sets $type and $source to what the folder is on: the longest mount point
# that it begins with.
find_mount() {
    length=0
    while read -r device point kind _; do
        # bash reads "${point%/}"/* in another way
        prefix=${point%/}
        case $folder/ in
        "$prefix"/*)
            [ "${#point}" -ge "$length" ] || continue
            length=${#point} type=$kind source=$device
            ;;
        esac
    done </proc/mounts
}

# Sets $ticks. Not for each record: a shell reads that byte by byte.
look_at_processor() {
    read -r process <"/proc/$$/stat"
    # Behind the name of the process, which may hold anything.
    # shellcheck disable=SC2086 # a list of words
    set -- ${process##*) }
    ticks=$((${12} + ${13} + ${14} + ${15}))
}

case $folder in
*[[:space:]]*) give_up "$folder has a blank in it" ;;
esac
[ -w "$folder" ] || give_up "$folder is not there, or may not be written to"
folder=$(cd "$folder" && pwd -P) || give_up "$folder can't be entered"
find_mount
case $type in
tmpfs | ramfs | rootfs | devtmpfs) give_up "$folder is in memory ($type)" ;;
esac
directory=$(mktemp -d "$folder/storage_writer.XXXXXX") ||
    give_up "no room in $folder"
trap 'rm -rf "$directory"' EXIT
trap exit HUP INT TERM PIPE
file=$directory/records
echo "storage_writer 1 file=$file type=$type source=$source"

number=0 ticks=0
blanks=$(printf '%15s' '')
read -r now _ </proc/uptime
over=$((${now%.*} + lifetime))
while [ "${now%.*}" -lt "$over" ] && [ -d "$directory" ]; do
    number=$((number + 1))
    padded=000000000$number
    padded=${padded#"${padded%??????????}"}
    read -r token </proc/sys/kernel/random/uuid
    read -r begin _ </proc/uptime
    line="$padded $token $blanks"
    four="$line
$line
$line
$line"
    sixteen="$four
$four
$four
$four"
    # A here-document of 4096 bytes takes no process of its own, as a pipe does.
    dd of="$file" bs=4096 seek=$((number % records)) conv=notrunc,fsync \
        2>/dev/null <<EOF || exit
$sixteen
$sixteen
$sixteen
$sixteen
EOF
    read -r now _ </proc/uptime
    [ "$((number % 10))" -ne 1 ] || look_at_processor
    echo "$number $token $begin $now $ticks" || exit
    sleep "$pause"
done
