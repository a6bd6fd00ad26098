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
# Asks the metadata service for one page again and again, from inside a guest,
# and writes down how each attempt went. Runs under any POSIX shell (busybox,
# dash, bash) and needs curl or wget.
#
# Usage: metadata_probe.sh DIRECTORY URL INTERVAL CONNECT DEADLINE LIFETIME
#
#   URL       http only; "%25@interface@" behind a link-local address in it
#             becomes the name of the interface to use, after "%25" or "%"
#   INTERVAL  from the start of an attempt to the start of the next one
#   CONNECT   how long an attempt may take to connect (curl and GNU wget)
#   DEADLINE  how long an attempt may take in all
#   LIFETIME  the script ends by itself after so long, and takes DIRECTORY
#             along; it ends when DIRECTORY is gone, too
#
# All four in seconds with exactly two decimals ("0.20"), like /proc/uptime:
# that is the clock in use, since busybox's date knows no part of a second.
#
# DIRECTORY/log gets whole lines, each ending in " ;" and written at once:
#   metadata_probe 1 pid=N boot=ID tool=NAME ... ;   what runs, and where
#   SEQUENCE START END RESULT ;                      one attempt
#   error TEXT ;                                     nothing can be measured
# RESULT is "ok" (status 200 and a body that is not empty), "empty",
# "httpSTATUS" or "rcCODE" (exit code of the tool; 28 of curl and 124 or 143
# of timeout mean DEADLINE). A missing SEQUENCE is an attempt that could not
# be written down.
#
# DIRECTORY/now is one line of a fixed length, overwritten in place (so that
# it goes on when the file system is full):
#   SEQUENCE STATE START ANSWERED LAST LOST SEQUENCE ;
# STATE is "none" before the first attempt, "open" as long as one is under
# way, and its RESULT afterwards; ANSWERED counts the "ok" ones, LAST is the
# START of the last of them or "-"; LOST counts the lines that could not be
# written.

dir=$1 url=$2 interval=$3 connect=$4 deadline=$5 lifetime=$6

LC_ALL=C
export LC_ALL
# A proxy would answer for the metadata service, or in its place.
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
umask 077
cd / || exit 1
# The SSH session that starts the script ends before it.
trap '' HUP

newline='
'
broken=
lost=0
interface=

# Adds one line to the log. A line that was cut by a full file system is
# ended first, so that it can't run into the next one.
write() {
    if printf '%s ;\n' "$broken$*" >>"$dir/log"; then
        broken=
    else
        broken=$newline
        lost=$((lost + 1))
        return 1
    fi
}

give_up() {
    write "error $*"
    exit 1
}

# Sets $value to $1 (seconds with two decimals) in hundredths of a second.
# The 1 in front of the decimals keeps "08" from being an octal number.
hundredths() {
    value=$((${1%.*} * 100 + 1${1#*.} - 100))
}

# Sets $time (text, seconds) and $value (hundredths) to the present; no fork.
clock() {
    read -r time _ </proc/uptime
    hundredths "$time"
}

# Sets $text to $1 hundredths of a second in seconds with two decimals.
seconds() {
    text=$(($1 % 100))
    [ "$text" -ge 10 ] || text=0$text
    text=$(($1 / 100)).$text
}

# --- how to wait -----------------------------------------------------------

choose_pause() {
    if sleep 0.01; then
        pause=fraction
    elif usleep 1; then
        pause=usleep
    else
        pause=whole
    fi
} 2>/dev/null

wait_for() {
    case $pause in
    fraction)
        seconds "$1"
        sleep "$text"
        ;;
    usleep) usleep "$(($1 * 10000))" ;;
    whole) sleep "$((($1 + 99) / 100))" ;;
    esac
}

# --- how to ask ------------------------------------------------------------

# Whole seconds, rounded up, for a tool that takes no fractions.
round_up() {
    hundredths "$1"
    text=$(((value + 99) / 100))
}

choose_tool() {
    if command -v curl; then
        tool=curl
        # Decimals came with curl 7.32.
        if ! curl -q --max-time 0.5 --version; then
            round_up "$connect" && connect=$text.00
            round_up "$deadline" && deadline=$text.00
        fi
    elif command -v wget; then
        choose_wget
        choose_limit
    else
        give_up 'neither curl nor wget is installed in the guest:' \
            'use an image that has one of them'
    fi
} >/dev/null 2>&1

choose_wget() {
    case $(wget --version) in
    *'GNU Wget'*)
        tool=gnu-wget
        wget_options="--no-config --tries=1
            --connect-timeout=$connect --read-timeout=$deadline"
        ;;
    *)
        tool=busybox-wget
        connect=none
        wget_options=
        # One limit, in whole seconds, on each wait in an attempt; a busybox
        # that is built without it crashes when it is asked for it.
        case $(wget --help 2>&1) in
        *'-T SEC'*)
            round_up "$deadline"
            wget_options="-T $text"
            ;;
        esac
        ;;
    esac
}

# wget has no limit on an attempt in all: that is left to timeout.
choose_limit() {
    if timeout 0.5 true; then
        limit="timeout $deadline"
    elif timeout 1 true; then
        round_up "$deadline"
        limit="timeout $text" deadline=$text.00
    else
        limit='' deadline=none
    fi
}

# Sets $result.
attempt() {
    if [ "$tool" = curl ]; then
        answer=$(curl -q -s -g -o /dev/null -w '%{http_code} %{size_download}' \
            --connect-timeout "$connect" --max-time "$deadline" "$url")
    else
        # shellcheck disable=SC2086 # these are lists of words
        answer=$($limit wget -q -O - $wget_options "$url")
    fi
    code=$?
    case $tool,$code,$answer in
    curl,0,'200 0' | *wget,0,) result=empty ;;
    curl,0,'200 '* | *wget,0,*) result=ok ;;
    curl,0,*) result=http${answer%% *} ;;
    *) result=rc$code ;;
    esac
} 2>/dev/null

# Sets $interface: of the default route (IPv6 first), or else the first one
# with a link-local address.
choose_interface() {
    interface=
    while read -r to length _ _ _ _ _ _ _ name; do
        [ "$to/$length" = 00000000000000000000000000000000/00 ] || continue
        # The kernel keeps an unreachable default route on lo.
        [ "$name" = lo ] || interface=${interface:-$name}
    done </proc/net/ipv6_route
    [ -z "$interface" ] || return
    while read -r name to _; do
        [ "$to" != 00000000 ] || interface=${interface:-$name}
    done </proc/net/route
    [ -z "$interface" ] || return
    while read -r _ _ _ scope _ name; do
        [ "$scope" != 20 ] || interface=${interface:-$name}
    done </proc/net/if_inet6
} 2>/dev/null

complete_url() {
    case $url in
    *%25@interface@*)
        [ "$tool" != gnu-wget ] || give_up 'a link-local address needs curl' \
            '(or wget of busybox): GNU wget takes no interface in it'
        choose_interface
        [ -n "$interface" ] || give_up 'no interface of the guest has a' \
            'default route or an IPv6 link-local address'
        # busybox takes the % of the interface as it is, not as %25.
        percent=%25
        [ "$tool" = curl ] || percent=%
        url=${url%%%25@interface@*}$percent$interface${url#*@interface@}
        ;;
    esac
}

# --- the loop --------------------------------------------------------------

# Overwrites DIRECTORY/now: opened for both, it is not cut to nothing first.
show() {
    printf '%-78s;\n' \
        "$sequence $1 $start $answered $last $lost $sequence" 1<>"$dir/now"
}

# Before anything else, so that there is room for it when there is none left.
sequence=0 start=0.00 answered=0 last=-
show none || exit 1
choose_pause
choose_tool
complete_url
read -r boot </proc/sys/kernel/random/boot_id
write "metadata_probe 1 pid=$$ boot=$boot tool=$tool pause=$pause" \
    "connect=$connect deadline=$deadline interface=${interface:--}" || exit 1

hundredths "$interval" && interval=$value
hundredths "$lifetime" && lifetime=$value
clock
due=$value
over=$((value + lifetime))
while clock && [ "$value" -lt "$over" ]; do
    sequence=$((sequence + 1)) start=$time
    show open
    attempt
    clock
    write "$sequence $start $time $result"
    if [ "$result" = ok ]; then
        answered=$((answered + 1)) last=$start
    fi
    show "$result"
    [ -d "$dir" ] || exit 0
    # The schedule is absolute: an attempt that took longer than the interval
    # costs its own places on it, and the later ones are where they were.
    due=$((due + interval))
    [ "$due" -gt "$value" ] ||
        due=$((due + ((value - due) / interval + 1) * interval))
    wait_for $((due - value))
done
# Whoever started it is late or gone: nothing is left behind.
rm -rf "$dir"
