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
# Writes to the guest's memory without end, so that a live migration of it does
# not come to its end by itself. Runs under any POSIX shell (busybox, dash,
# bash); needs a tmpfs that it may write to, or, to write as fast as it can,
# stress-ng and taskset.
#
# Usage: memory_load.sh DIRECTORY MIB LIFETIME RATE
#
#   MIB       how much memory is written again and again
#   LIFETIME  whole seconds after which it ends by itself and takes DIRECTORY
#             along; it ends when DIRECTORY is gone, too
#   RATE      MiB a second, about, at little cost of processors; 0: as fast as
#             it can, at the cost of all of them
#
# DIRECTORY/log gets one line, ending in " ;":
#   memory_load 1 pid=N boot=ID tool=NAME ... ;   what runs, and where
#   error TEXT ;                                  nothing runs

dir=$1 mib=$2 lifetime=$3 rate=$4

# So many blocks of 64 KiB are a MiB.
BLOCKS=16
# So many passes differ from each other.
PASSES=8

LC_ALL=C
export LC_ALL
umask 077
cd / || exit 1
# The SSH session that starts the script ends before it.
trap '' HUP

write() {
    printf '%s ;\n' "$*" >>"$dir/log"
}

give_up() {
    write "error $*"
    exit 1
}

begin() {
    read -r boot </proc/sys/kernel/random/boot_id
    write "memory_load 1 pid=$$ boot=$boot tool=$*" || exit 1
}

# Sets $now to the guest's clock in whole seconds.
clock() {
    read -r now _ </proc/uptime
    now=${now%.*}
}

goes_on() {
    clock
    [ "$now" -lt "$over" ] && [ -d "$dir" ]
}

# One for each CPU of the guest, and held there: the throttling of one does
# not move the load to another.
stress() {
    cpus=$(sed -n 's/^processor[^0-9]*\([0-9]*\).*/\1/p' /proc/cpuinfo)
    number=$(echo "$cpus" | wc -l)
    begin "stress-ng cpus=$number"
    for cpu in $cpus; do
        taskset -c "$cpu" stress-ng --vm 1 --vm-bytes "$((mib / number))M" \
            --vm-keep --vm-method swap --timeout "${lifetime}s" \
            </dev/null >/dev/null 2>&1 &
    done
    trap 'kill $(jobs -p) 2>/dev/null; exit' TERM
    while goes_on; do
        sleep 1
    done
    # shellcheck disable=SC2046 # a list of pids
    kill $(jobs -p) 2>/dev/null
}

# Sets how much is written at once, and for how many seconds it rests then; and
# how many MiB that takes in all, with the copy of what is written at once.
plan() {
    needed=$mib
    [ "$rate" != 0 ] || return 0
    pause=0.5 part=$(((rate + 1) / 2))
    sleep 0.01 || pause=1 part=$rate
    [ "$part" -le "$mib" ] || part=$mib
    needed=$((mib + part + 1))
}

# Sets $folder to a tmpfs with room for it.
choose_folder() {
    while read -r _ folder type _; do
        if [ "$type" != tmpfs ] || ! [ -w "$folder" ]; then continue; fi
        room=$(df -Pk "$folder" | awk 'END { print $4 }')
        [ "$room" -gt "$((needed * 1024))" ] && return
    done </proc/mounts
    give_up "no tmpfs that may be written to has room for $needed MiB"
}

# The guest must not have to kill what measures it.
check_memory() {
    free=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
    [ "${free:-0}" -ge "$((needed + 32))" ] ||
        give_up "$needed MiB are too much to write to: only ${free:-0} MiB of" \
            'memory are free, and 32 MiB are left alone'
}

# Sets $file to a new file.
new_file() {
    file=$(mktemp "$folder/memory_load.XXXXXX") || give_up "no file: $file"
}

# Random bytes: each page costs CPU time, so that a guest whose CPU is
# throttled writes more slowly. A file has no name while it is written to:
# it is gone with the last process that holds it.
write_fast() {
    new_file
    exec 3<>"$file"
    rm "$file"
    begin "dd folder=$folder"
    while goes_on; do
        dd if=/dev/urandom of="/proc/$$/fd/3" bs=1024k count="$mib" \
            conv=notrunc 2>/dev/null || sleep 1
    done
}

# As much as belongs to half a second, then a rest. What is written was random
# once, so that it is not copied as nothing. It begins elsewhere in each pass:
# whoever compares the pages of two moments sees that they were written to.
write_at_rate() {
    new_file
    exec 4<>"$file"
    rm "$file"
    dd if=/dev/urandom bs=64k count=$((part * BLOCKS + PASSES)) >&4
    new_file
    exec 3<>"$file"
    rm "$file"
    begin "dd folder=$folder rate=$rate"
    from=0 pass=0
    while goes_on; do
        dd if="/proc/$$/fd/4" of="/proc/$$/fd/3" bs=64k \
            count=$((part * BLOCKS)) skip="$pass" \
            seek=$((from * BLOCKS)) conv=notrunc
        from=$((from + part))
        [ "$((from + part))" -le "$mib" ] ||
            from=0 pass=$(((pass + 1) % PASSES))
        sleep "$pause"
    done
}

clock
over=$((now + lifetime))
plan 2>/dev/null
if [ "$rate" = 0 ] && command -v stress-ng && command -v taskset; then
    check_memory
    stress
else
    choose_folder
    check_memory
    if [ "$rate" = 0 ]; then write_fast; else write_at_rate; fi
fi >/dev/null 2>&1
# Whoever started it is late or gone: nothing is left behind.
rm -rf "$dir"
