#!/bin/sh
# A log on a host, from a place in it on:
#
#   log mark FILE LINES            prints where it ends now: its inode and size;
#                                  and its last lines
#   log since FILE INODE SIZE [SERVER]
#                                  prints what was written since that place, or
#                                  of it the lines about one server
#
# A log that was rotated since then is followed, also more than once, as long as
# the files before are beside it under names that begin like its own.
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
        [ -n "$before" ] || fail "the log that was $file is gone: compressed, \
or removed"
        ! later | grep -q '\.\(gz\|bz2\|xz\|zst\)$' || fail "$file was rotated \
more than once since then, and compressed"
    elif [ "${now#* }" -lt "$size" ]; then
        fail "$file was cut from $size to ${now#* } bytes"
    fi
}

# The files that were begun after $before and are not $file, in order.
later() {
    # shellcheck disable=SC2012  # names of a log and its rotated files
    ls -1tr "$file"* | while IFS= read -r each; do
        [ "$each" = "$file" ] || ! [ "$each" -nt "$before" ] ||
            printf '%s\n' "$each"
    done
}

written() {
    if [ -n "$before" ]; then
        tail -c +$((size + 1)) "$before"
        later | while IFS= read -r each; do
            cat "$each"
        done
        cat "$file"
    else
        tail -c +$((size + 1)) "$file"
    fi
}

file=$2
case $1 in
mark)
    place "$file"
    tail -n "$3" "$file"
    ;;
since)
    inode=$3 size=$4 server=${5:-}
    find_files
    if [ -n "$server" ]; then
        # Also in what it would call binary: one NUL is enough for that.
        # 1 is its word for "no line".
        written | grep -aF "[instance: $server]" || [ $? -eq 1 ]
    else
        written
    fi
    ;;
esac
