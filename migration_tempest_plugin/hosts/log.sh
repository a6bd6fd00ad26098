#!/bin/sh
# A log on a host, from a place in it on:
#
#   log mark FILE                  prints where it ends now: its inode and size
#   log since FILE INODE SIZE [SERVER]
#                                  prints what was written since that place, or
#                                  of it the lines about one server
#
# A log that was rotated since then is followed, as long as the file before is
# beside it under a name that begins like its own.
set -eu

place() {
    stat -L -c '%i %s' "$1"
}

fail() {
    echo "$1" >&2
    exit 1
}

# What holds the place, and what was begun after it.
find_files() {
    now=$(place "$file")
    before=
    if [ "${now% *}" != "$inode" ]; then
        before=$(find "$(dirname "$file")" -maxdepth 1 -inum "$inode" \
            -name "$(basename "$file")*")
        [ -n "$before" ] || fail "the log that was $file is gone: rotated \
twice, compressed, or removed"
    elif [ "${now#* }" -lt "$size" ]; then
        fail "$file was cut from $size to ${now#* } bytes"
    fi
}

written() {
    if [ -n "$before" ]; then
        tail -c +$((size + 1)) "$before"
        cat "$file"
    else
        tail -c +$((size + 1)) "$file"
    fi
}

file=$2
case $1 in
mark) place "$file" ;;
since)
    inode=$3 size=$4 server=${5:-}
    find_files
    if [ -n "$server" ]; then
        # 1 is grep's word for "no line"
        written | grep -F "[instance: $server]" || [ $? -eq 1 ]
    else
        written
    fi
    ;;
esac
