#!/bin/sh
# A configuration file of a host that is changed for a while:
#
#   configuration read FILE            prints it
#   configuration note FILE            prints what is noted of a change, or
#                                      nothing if there is none
#   configuration original FILE        prints the file as it was before
#   configuration write FILE NOTE SIZE replaces it by standard input, which
#                                      must have SIZE bytes; keeps a copy of
#                                      the file as it was before the first
#                                      change
#   configuration restore FILE         makes the file like that copy again
#   configuration forget FILE          removes the copy, leaves the file
#
# Every step is a rename: at any moment a reader finds a whole file, and
# whoever comes after a crash finds either no copy or a whole one. Owner and
# mode stay: what it holds may be secret.
set -eu
umask 077

file=$(readlink -f "$2") || {
    echo "there is no folder $(dirname "$2")" >&2
    exit 1
}
original=$file.before-migration-tests
note=$original.note
fresh=$file.new-migration-tests

replace() {
    trap 'rm -f "$fresh"' EXIT
    cp -p "$file" "$fresh"
    cat > "$fresh"
    size=$(wc -c < "$fresh")
    if [ "$size" -ne "$1" ]; then
        echo "$size of $1 bytes came through" >&2
        exit 1
    fi
    mv -f "$fresh" "$file"
}

case $1 in
read) cat "$file" ;;
note) if [ -e "$original" ]; then cat "$note"; fi ;;
original) cat "$original" ;;
write)
    printf '%s\n' "$3" > "$note.new"
    mv -f "$note.new" "$note"
    if ! [ -e "$original" ]; then
        cp -p "$file" "$original.new"
        mv -f "$original.new" "$original"
    fi
    replace "$4"
    ;;
restore)
    cp -p "$original" "$fresh"
    mv -f "$fresh" "$file"
    ;;
forget) rm -f "$original" "$note" ;;
esac
