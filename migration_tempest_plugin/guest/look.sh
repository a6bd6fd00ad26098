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
# Looks at what of a guest must be the same after a live migration. Runs under
# any POSIX shell (busybox, dash, bash); shell.py sends it along with each
# question, as it does with control.sh, whose form the answers have.
#
# Usage: sh -c "$(cat look.sh)" look WHAT ...
#   addresses       "address MAC IP" for each address of each interface, one
#                   word after the other: "addresses MAC,IP MAC,IP ..."
#   ping ADDRESS    one packet: "answered yes" or "answered no"
#   tester          "address IP" of who asks, by SSH's own word
#   fill MIB [FOLDER]  a file of random bytes in a folder, which is one in
#                   memory if none is given: "file PATH", "digest X"
#   digest PATH     "digest X" of that file
#   remove PATH     and its directory
#   say TEXT        writes a line to the console: "said yes", or why not

LC_ALL=C
export LC_ALL
umask 077

refuse() {
    echo "error $*"
    echo complete
    exit 0
}

has_sudo() {
    command -v sudo >/dev/null
}

addresses() {
    found=$(ip -o link | sed -n \
        's/^[0-9]*: \([^:@]*\)[:@].* link\/[^ ]* \([^ ]*\) .*/\1 \2/p' |
        while read -r card mac; do
            ip -o address show dev "$card" |
                sed -n "s/.* inet6* \\([^ /]*\\).*/$mac,\\1/p"
        done)
    # shellcheck disable=SC2086 # a list of words, a line each
    echo addresses $found
}

ping_once() {
    case $1 in
    *:*) command=ping6 ;;
    *) command=ping ;;
    esac
    command -v "$command" >/dev/null || command=ping
    # busybox lets root alone ping
    if said=$("$command" -c 1 -W 2 "$1" 2>&1) ||
        { has_sudo && said=$(sudo -n "$command" -c 1 -W 2 "$1" 2>&1); }; then
        echo 'answered yes'
    else
        echo 'answered no'
        echo "said $(echo "$said" | tail -n 1)"
    fi
}

# Sets $folder to the first tmpfs with room for it.
choose_folder() {
    while read -r _ folder type _; do
        if [ "$type" != tmpfs ] || ! [ -w "$folder" ]; then continue; fi
        room=$(df -Pk "$folder" | awk 'END { print $4 }')
        [ "$room" -le "$(($1 * 1024))" ] || return
    done </proc/mounts
    refuse "no tmpfs that may be written to has room for $1 MiB"
}

fill() {
    folder=$2
    [ "$folder" ] || choose_folder "$1"
    directory=$(mktemp -d "$folder/pattern.XXXXXX" 2>&1) ||
        refuse "no directory in $folder: $directory"
    # fsync: what is reported to be there must be, whatever happens to the guest
    dd if=/dev/urandom of="$directory/pattern" bs=1024k count="$1" \
        conv=fsync 2>/dev/null || refuse "no room for $1 MiB in $folder"
    sync
    echo "file $directory/pattern"
    digest "$directory/pattern"
}

digest() {
    [ -f "$1" ] || refuse "$1 is gone"
    said=$(sha256sum "$1")
    echo "digest ${said%% *}"
}

# shellcheck disable=SC2016 # the inner shell's
say() {
    if said=$({ echo "$1" >/dev/console; } 2>&1) ||
        { has_sudo &&
            said=$(sudo -n sh -c 'echo "$1" >/dev/console' say "$1" 2>&1); }
    then
        echo 'said yes'
    else
        echo "said $(echo "$said" | tail -n 1)"
    fi
}

case $1 in
addresses) addresses ;;
ping) ping_once "$2" ;;
tester) echo "address ${SSH_CONNECTION%% *}" ;;
fill) fill "$2" "${3:-}" ;;
digest) digest "$2" ;;
remove) rm -rf "${2%/*}" ;;
say) say "$2" ;;
esac
echo complete
