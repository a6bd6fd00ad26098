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
# Usage: metadata_probe.sh DIRECTORY URL TOOL INTERVAL LIFETIME
#            LEAST_CONNECT CONNECT LEAST_DEADLINE DEADLINE
#
#   URL       http only; "%25@interface@" behind a link-local address in it
#             becomes the name of the interface to use, after "%25" or "%"
#   TOOL      how to ask: "curl" (one process that makes many requests, as
#             curl can since 7.84), "curl-each" (curl is started for each),
#             "wget" (so is that), or "auto": the first that the guest can
#   INTERVAL  from the start of an attempt to the start of the next one
#   LIFETIME  the script ends by itself after so long, and takes DIRECTORY
#             along; it ends when DIRECTORY is gone, too
#   LEAST_CONNECT, CONNECT, LEAST_DEADLINE, DEADLINE
#             the limits within which it chooses how long an attempt may take
#             to connect (curl and GNU wget), and in all
#
# All of these in seconds with exactly two decimals ("0.20"), like /proc/uptime:
# that is the clock in use, since busybox's date knows no part of a second.
#
# First, BASELINE attempts are answered, with the longest deadlines; then
# the deadlines are chosen: TIMES as long as the slowest of them took.
#
# A lane is what makes one attempt after the other. Lane 0 is the baseline.
# curl has as many lanes after it as are needed so that one of them is always
# there to ask while the others wait for their deadline; else it is lane 1.
# One more of curl's, the quick lane, asks in quick succession while attempts
# fail, to see soon that they do no longer. It is stopped (SIGSTOP) otherwise.
#
# DIRECTORY/log gets whole lines, each ending in " ;" and written at once:
#   metadata_probe 2 pid=N boot=ID tool=NAME ... ;   what runs, and where
#   LANE SEQUENCE END TOOK RESULT ;                  one attempt
#   deadline CONNECT TOTAL lanes=N slowest=S ... ;   what was chosen
#   again LANE ;                                     its curl had ended
#   step LANE ;                                      its next attempt is put off
#   error TEXT ;                                     nothing can be measured
# RESULT is "ok" (status 200 and a body that is not empty), "empty",
# "httpSTATUS", "rcCODE" (exit code of the tool; 28 of curl and 124 or 143
# of timeout mean the deadline), or "reused" (of the baseline: the service
# kept the connection open, though it was asked to close it). A missing
# SEQUENCE is an attempt that could not be written down.
#
# DIRECTORY/now.LANE is one line of a fixed length, overwritten in place (so
# that it goes on when the file system is full):
#   LANE SEQUENCE STATE START ANSWERED LAST LOST SEQUENCE ;
# STATE is "none" before the first attempt, "open" as long as one is under
# way (not said by curl's lanes), and its RESULT afterwards; ANSWERED counts
# the "ok" ones, LAST is the START of the last of them or "-"; LOST counts the
# lines that could not be written.

dir=$1 url=$2 wanted=$3 interval=$4 lifetime=$5
least_connect=$6 connect=$7 least_deadline=$8 deadline=$9

BASELINE=10
TIMES=5
# In hundredths of a second: what the baseline needs no longer.
BASELINE_INTERVAL=10
MOST_LANES=6
# The quick lane asks so many times in an interval, but no less often than each
# QUICK_MOST hundredths of a second. With more, a small guest and the agent that
# answers it are busy with nothing else, which makes the outage longer.
QUICK_TIMES=4
QUICK_MOST=20

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
quick=
quick_lane=

# Adds one line to the log, which is standard output. A line that was cut by a
# full file system is ended first, so that it can't run into the next one.
write() {
    if printf '%s ;\n' "$broken$*"; then
        broken=
    else
        broken=$newline
        lost=$((lost + 1))
        return 1
    fi
}

give_up() {
    write "error $*" >>"$dir/log"
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

# Waits until $1 in hundredths of a second, if that is not over.
wait_until() {
    clock
    [ "$1" -le "$value" ] || wait_for $(($1 - value))
}

# --- how to ask ------------------------------------------------------------

# Whole seconds, rounded up, for a tool that takes no fractions.
round_up() {
    hundredths "$1"
    text=$(((value + 99) / 100))
}

# Old releases of curl end at once, with an error, over what they don't know.
has_curl() {
    case $wanted in auto | "$1") ;; *) return 1 ;; esac
    shift
    command -v curl && curl -q "$@" --version
}

choose_tool() {
    if has_curl curl --rate 1/h; then
        tool=curl
    elif has_curl curl-each; then
        tool=curl-each
    elif [ "$wanted" = wget ] || [ "$wanted" = auto ] && command -v wget; then
        case $(wget --version) in
        *'GNU Wget'*) tool=gnu-wget ;;
        *) tool=busybox-wget ;;
        esac
        # Without a URL, it is to complain of that alone.
        case $(wget -q 2>&1) in
        *[Uu]nknown\ option* | *invalid\ option* | *unrecognized\ option*)
            give_up 'the wget of the guest has no option to be quiet' \
                '(that of toybox can not): install curl, or the wget of GNU' \
                'or busybox'
            ;;
        esac
    else
        case $wanted in
        auto) give_up 'neither curl nor wget is installed in the guest:' \
            'use an image that has one of them' ;;
        curl) give_up 'the guest has no curl that can make many requests' \
            'in one process: that came with curl 7.84' ;;
        *) give_up "${wanted%-each} is not installed in the guest" ;;
        esac
    fi
} 2>/dev/null >&2

# Makes $connect and $deadline what the tool can keep.
set_deadlines() {
    case $tool in
    curl-each)
        # Decimals came with curl 7.32.
        if ! curl -q --max-time 0.5 --version; then
            round_up "$connect" && connect=$text.00
            round_up "$deadline" && deadline=$text.00
        fi
        ;;
    *wget)
        limit_wget
        limit_attempt
        ;;
    esac
} 2>/dev/null >&2

limit_wget() {
    if [ "$tool" = gnu-wget ]; then
        wget_options="--no-config --tries=1
            --connect-timeout=$connect --read-timeout=$deadline"
        return
    fi
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
}

# wget has no limit on an attempt in all: that is left to timeout.
limit_attempt() {
    if timeout 0.5 true; then
        limit="timeout $deadline"
    elif timeout 1 true; then
        round_up "$deadline"
        limit="timeout $text" deadline=$text.00
    else
        limit='' deadline=none
    fi
}

# Asks once. Sets $result and, in hundredths, $connected.
attempt() {
    connected=
    if [ "$tool" = curl-each ]; then
        answer=$(curl -q -s -g -o /dev/null \
            -w '%{http_code} %{size_download} %{time_connect}' \
            --connect-timeout "$connect" --max-time "$deadline" "$url")
        code=$?
        # Locales differ in the decimal point, and old releases in decimals.
        connected=${answer##* }
        answer=${answer% *}
    else
        # shellcheck disable=SC2086 # these are lists of words
        answer=$($limit wget -q -O - $wget_options "$url")
        code=$?
    fi
    case $tool,$code,$answer in
    curl*,0,'200 0' | *wget,0,) result=empty ;;
    curl*,0,'200 '* | *wget,0,*) result=ok ;;
    curl*,0,*) result=http${answer%% *} ;;
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
        [ "$tool" != busybox-wget ] || percent=%
        url=${url%%%25@interface@*}$percent$interface${url#*@interface@}
        ;;
    esac
}

# Sets $list to $url so that curl takes no part of it for a list of several.
escape_url() {
    list='' rest=$url
    while [ "$rest" ]; do
        plain=${rest%%[][\{\}]*}
        list=$list$plain rest=${rest#"$plain"}
        [ -z "$rest" ] || list=$list\\${rest%"${rest#?}"}
        rest=${rest#?}
    done
}

# --- what is written down --------------------------------------------------

# Overwrites DIRECTORY/now.LANE: opened for both, it is not cut to nothing
# first.
show() {
    printf '%-78s;\n' "$lane $sequence $1 $start $answered $last $lost $sequence" \
        1<>"$dir/now.$lane"
}

# Notes an attempt: $sequence, $start, $time (its end), $took, $result.
note() {
    write "$lane $sequence $time $took $result"
    if [ "$result" = ok ]; then
        answered=$((answered + 1)) last=$start
    fi
    show "$result"
}

# --- lanes -------------------------------------------------------------------

begin_lane() {
    lane=$1 due=$2 sequence=0 start=0.00 answered=0 last=-
    startup=0 slowest=0 slowest_connect=0
}

# Whether there is something to do after an attempt: $result, $took,
# $connected and $end. A complete baseline says what it found, and is over.
goes_on() {
    [ "$end" -lt "$over" ] && [ -d "$dir" ] && [ -d "/proc/$$" ] || return 1
    [ "$lane" = 0 ] || return 0
    case $result in
    ok)
        longer "$took" "$slowest" && slowest=$value
        longer "$connected" "$slowest_connect" && slowest_connect=$value
        [ "$answered" -ge "$BASELINE" ] || return 0
        echo "$slowest_connect $slowest $startup" >&3
        return 1
        ;;
    reused)
        [ "$wanted" = auto ] || return 0
        echo reused >&3
        return 1
        ;;
    esac
}

# Sets $value to $1 (seconds) in hundredths, rounded up; fails if that is not
# more than $2.
longer() {
    more=${1#*.??}
    hundredths "${1%"$more"}"
    [ -z "$more" ] || value=$((value + 1))
    [ "$value" -gt "$2" ]
}

# One curl for all requests of a lane, which becomes this process. Its standard
# input ends when it is to begin: by then it has loaded what it needs. On
# standard output comes its PID, and a line at the end of each transfer. It is
# written character by character, so it is short, and no two processes
# write into one pipe. The fragment makes the URL many; it is not sent.
one_curl() {
    read -r number _ </proc/self/stat
    echo "$number"
    format='%{stderr}%{http_code}%{exitcode} %{size_download} %{time_total}'
    [ "$lane" != 0 ] || format="$format %{time_connect} %{num_connects}"
    # shellcheck disable=SC2069 # the page is not wanted, but what -w says
    exec curl -q -s -K - -H 'Connection: close' --no-keepalive \
        --rate "$((360000 / period))/h" \
        --connect-timeout "$connect" --max-time "$deadline" \
        -w "$format\\n" "$list#[1-$((lifetime / period + 2))]" 2>&1 >/dev/null
}

# Lets the quick lane go on. Its children are its curl, and who reads that.
wake_quick() {
    [ "$quick" ] || return 0
    children=
    read -r children <"/proc/$quick/task/$quick/children"
    # shellcheck disable=SC2086 # a list of numbers
    [ -z "$children" ] || kill -s CONT $children
} 2>/dev/null

# Keeps a lane in step: it asks so many intervals after lane 1. A guest that was
# kept from running lets all lanes ask at once when it runs again. $began
# is the start of its latest attempt in hundredths. Either start may have been
# noticed late: only a lane that is out of step twice in succession is put off.
keep_step() {
    [ "$pause" != whole ] || return
    read -r _ _ state first _ <"$dir/now.1" && [ "$state" = ok ] || return
    hundredths "$first"
    behind=$((began - value - (lane - 1) * interval))
    behind=$(((behind % period + period) % period))
    if [ "$((behind * 2))" -le "$interval" ] ||
        [ "$(((period - behind) * 2))" -le "$interval" ]
    then
        astray=
    elif [ -z "$astray" ]; then
        astray=yes
    else
        astray=
        write "step $lane"
        kill -s STOP "$number"
        wait_until $((began + 2 * period - behind))
        kill -s CONT "$number"
    fi
}

# Notes what curl prints. Ends it when it is no longer wanted; fails if it has
# ended by itself.
follow() {
    read -r number || return
    passed='' astray=
    while read -r code size took connected connects; do
        clock
        end=$value
        exit=${code#???}
        case $exit,$code,$size,$connects in
        0,*,0) result=reused ;;
        0,2000,0,*) result=empty ;;
        0,2000,*) result=ok ;;
        0,*) result=http${code%0} ;;
        *) result=rc$exit ;;
        esac
        # Both rounded down.
        hundredths "${took%????}"
        value=$((end - value - 1))
        [ "$sequence" -gt 0 ] || startup=$((value - due))
        began=$value
        seconds "$began"
        start=$text
        # It may have been stopped in the middle of this one.
        if [ "$passed" ]; then
            passed=
        else
            sequence=$((sequence + 1))
            note
        fi
        if ! goes_on; then
            # It is to find out, too.
            wake_quick
            kill "$number"
            return 0
        fi
        case $lane,$result in
        "$quick_lane,ok") kill -s STOP "$number" && passed=yes ;;
        "$quick_lane,"*) ;;
        [2-9],ok)
            # At first, too: where much begins at a time, each begins late.
            [ "$sequence" -gt 2 ] && [ "$((sequence % 4))" -ne 0 ] &&
                [ -z "$astray" ] || keep_step
            ;;
        *,ok) ;;
        *) wake_quick ;;
        esac
    done
    return 1
} 2>/dev/null

# Asks in lane $1, from $2 on, each $3 hundredths of a second.
run_one() {
    begin_lane "$1" "$2"
    period=$3
    until wait_until "$due" | one_curl | follow; do
        write "again $lane"
        # What follow has counted went with it.
        read -r _ sequence _ _ answered last lost _ <"$dir/now.$lane" || return
        clock
        due=$((value + 100))
    done
} 2>/dev/null

# The same, with the tool started for each request.
run_each() {
    begin_lane "$1" "$2"
    while wait_until "$due"; do
        clock
        start=$time began=$value sequence=$((sequence + 1))
        show open
        attempt
        clock
        end=$value
        seconds $((end - began))
        took=$text connected=${connected:-$text}
        note
        goes_on || break
        # The schedule is absolute: an attempt that took longer than the
        # interval costs its own places on it, and the later ones are where
        # they were.
        due=$((due + $3))
        [ "$due" -gt "$value" ] ||
            due=$((due + ((value - due) / $3 + 1) * $3))
    done
}

run() {
    case $tool in
    curl) run_one "$@" ;;
    *) run_each "$@" ;;
    esac
}

# --- the baseline, and what follows from it ----------------------------------

# Sets $chosen to what the baseline says; to nothing if it was not completed.
measure_baseline() {
    set_deadlines
    clock
    chosen=$(
        exec 3>&1 >>"$dir/log"
        run 0 "$value" "$((interval < BASELINE_INTERVAL ?
            interval : BASELINE_INTERVAL))"
    )
}

# Sets $value and $text to TIMES what the slowest took ($1), but no less than
# $2 and no more than $3; all in hundredths, but $text.
choose() {
    value=$(($1 * TIMES))
    [ "$value" -ge "$2" ] || value=$2
    [ "$value" -le "$3" ] || value=$3
    seconds "$value"
}

choose_deadlines() {
    choose "$2" "$least_deadline" "$most_deadline"
    deadline=$text
    choose "$1" "$least_connect" \
        "$((most_connect < value ? most_connect : value))"
    connect=$text lanes=1
    [ "$tool" != curl ] || lanes=$((value / interval + 1))
    [ "$lanes" -le "$MOST_LANES" ] || lanes=$MOST_LANES
    seconds "$2"
    write "deadline $connect $deadline tool=$tool lanes=$lanes" \
        "baseline=$BASELINE slowest=$text"
    set_deadlines
}

# All but the last are processes of their own. $1 is how long one curl took
# to begin.
run_lanes() {
    clock
    from=$((value + 10 + $1 * (lanes + 1))) number=1
    if [ "$tool" = curl ] && [ -e "/proc/$$/task/$$/children" ]; then
        quick_lane=$((lanes + 1))
        period=$((interval / QUICK_TIMES))
        [ "$period" -le "$QUICK_MOST" ] || period=$QUICK_MOST
        run "$quick_lane" "$from" "$period" &
        quick=$!
    fi
    while [ "$number" -lt "$lanes" ]; do
        run "$number" "$from" "$((interval * lanes))" &
        number=$((number + 1)) from=$((from + interval))
    done
    run "$lanes" "$from" "$((interval * lanes))"
    wait
}

# Before anything else, so that there is room for them when there is none left.
lane=$((MOST_LANES + 1))
while [ "$lane" -ge 0 ]; do
    begin_lane "$lane" 0
    show none || exit 1
    lane=$((lane - 1))
done
exec >>"$dir/log"
choose_pause
choose_tool
complete_url
escape_url
read -r boot </proc/sys/kernel/random/boot_id
write "metadata_probe 2 pid=$$ boot=$boot tool=$tool pause=$pause" \
    "interface=${interface:--}" || exit 1

hundredths "$interval" && interval=$value
hundredths "$lifetime" && lifetime=$value
hundredths "$least_connect" && least_connect=$value
hundredths "$least_deadline" && least_deadline=$value
hundredths "$connect" && most_connect=$value
hundredths "$deadline" && most_deadline=$value
clock
over=$((value + lifetime))
measure_baseline
if [ "$chosen" = reused ]; then
    tool=curl-each
    measure_baseline
fi
if [ "$chosen" ]; then
    # shellcheck disable=SC2086 # a list of numbers
    set -- $chosen
    choose_deadlines "$1" "$2"
    run_lanes "$3"
fi
# Whoever started it is late or gone: nothing is left behind.
[ ! -d "$dir" ] || rm -rf "$dir"
