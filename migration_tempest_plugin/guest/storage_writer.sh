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
#   NUMBER TOKEN BEGIN END
# TOKEN is random, made for this record; BEGIN and END are the guest's clock
# (/proc/uptime) before and after it was written. A record is a block of 4096
# bytes: the line "NUMBER TOKEN", with the zeros and blanks that make it 63
# characters, 64 times.

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

number=0
read -r now _ </proc/uptime
over=$((${now%.*} + lifetime))
while [ "${now%.*}" -lt "$over" ] && [ -d "$directory" ]; do
    number=$((number + 1))
    read -r token </proc/sys/kernel/random/uuid
    read -r begin _ </proc/uptime
    line=$(printf '%010d %-52s' "$number" "$token")
    four="$line
$line
$line
$line
"
    printf '%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s' \
        "$four" "$four" "$four" "$four" "$four" "$four" "$four" "$four" \
        "$four" "$four" "$four" "$four" "$four" "$four" "$four" "$four" |
        dd of="$file" bs=4096 seek=$((number % records)) conv=notrunc,fsync \
            2>/dev/null || exit
    read -r now _ </proc/uptime
    echo "$number $token $begin $now" || exit
    sleep "$pause"
done
