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
# Looks after one script that was placed in a guest. shell.py sends the text
# of this file along with each command, so that it works in a guest in which
# nothing is left (a rebooted one), and reads the answer.
#
# Usage: sh -c "$(cat control.sh)" control COMMAND ...
#   place NAME                      makes a directory for the script
#   start DIRECTORY SIZE ARG...     starts DIRECTORY/script, detached, with
#                                   DIRECTORY and ARG... as its arguments
#   state DIRECTORY BOOT PID BORN   how it is
#   read  DIRECTORY BOOT PID BORN   that, and its log
#   stop  DIRECTORY BOOT PID BORN   that, and ends it and removes DIRECTORY
# "How it is" has the processor time of it and all that it has started, in
# ticks, if the guest's kernel says which these are; start says how many ticks
# make a second.
# BOOT, PID and BORN are what start printed: the id of the guest's boot, the
# script's process and when it was started (field 22 of /proc/PID/stat), which
# together are never used again. PID 0: it is not known.
#
# The answer: lines of "KEY VALUE", "log" .. "end of log" around the log, and
# "complete" as the last line. The first line of each file DIRECTORY/now.NAME
# comes with that name as its key. An "error TEXT" says what went wrong. The exit code
# is always 0, so that a non-zero one comes from the way here.

refuse() {
    echo "error $*"
    echo complete
    exit 0
}

short_pause() {
    sleep 0.1 2>/dev/null || sleep 1
}

# Sets $state, $parent, $session, $born and $cpu (of it, and of the ended ones
# that it has waited for) of process $1; fails if there is no such process.
look_at() {
    # An ended process takes its file along: that is no error.
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    # The process's name, in brackets, may hold anything.
    # shellcheck disable=SC2086 # a list of words
    set -- ${line##*) }
    state=$1 parent=$2 session=$4 born=${20}
    cpu=$((${12} + ${13} + ${14} + ${15}))
}

# Whether the process that was looked at does nothing any more: all that is
# left of it is its exit code.
is_over() {
    case $state in Z | X) ;; *) return 1 ;; esac
}

is_its() {
    [ "$boot" = "$its_boot" ] && look_at "$its_pid" && [ "$born" = "$its_born" ]
}

# Sets $members to the living processes of the script: itself, all of its
# session, and what these started. It is called again and again while they are
# ended: $known ("PID.BORN" of each one seen) keeps hold of children whose
# parent is already gone.
find_members() {
    grown=yes
    while [ "$grown" ]; do
        grown='' members=
        for file in /proc/[0-9]*; do
            number=${file#/proc/}
            if ! look_at "$number" || is_over; then continue; fi
            case " $known " in
            *" $number.$born "*) ;;
            *" $parent."*) known="$known $number.$born" grown=yes ;;
            *)
                [ "$session" = "$its_session" ] || continue
                known="$known $number.$born"
                ;;
            esac
            members="$members $number"
        done
    done
}

end_members() {
    known='' its_session=none
    # Its number is given to no other process as long as its session has
    # members.
    if is_its; then
        known=$its_pid.$its_born its_session=$its_pid
    elif [ "$boot" = "$its_boot" ] && [ "$its_pid" != 0 ] &&
        [ ! -e "/proc/$its_pid" ]; then
        its_session=$its_pid
    fi
    tries=0
    while find_members && [ "$members" ] && [ "$tries" -lt 15 ]; do
        signal=KILL
        [ "$tries" -ge 5 ] || signal=TERM
        # shellcheck disable=SC2086 # a list of words
        kill -s "$signal" $members 2>/dev/null
        # What is stopped listens to nothing but KILL.
        # shellcheck disable=SC2086 # a list of words
        kill -s CONT $members 2>/dev/null
        tries=$((tries + 1))
        short_pause
    done
}

place() {
    directory=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX" 2>&1) ||
        refuse "cannot make a directory: $directory"
    echo "directory $directory"
}

# Sets $header to the first line of the log, once it is there.
await_header() {
    tries=0
    until { read -r header <"$directory/log"; } 2>/dev/null; do
        header=
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || return 1
        short_pause
    done
}

start() {
    size=$(wc -c <"$directory/script") || refuse "$directory/script is missing"
    [ "$size" -eq "$1" ] || refuse "only $size of $1 bytes of the script" \
        "arrived: is the file system of $directory full?"
    shift
    detach=
    ! command -v setsid >/dev/null || detach=setsid
    $detach sh "$directory/script" "$directory" "$@" \
        </dev/null >/dev/null 2>&1 &
    if ! await_header; then
        echo room 2>/dev/null >"$directory/room" ||
            refuse "no room for a log: the file system of $directory is full"
        refuse "the script wrote nothing into $directory/log within 5 seconds"
    fi
    case $header in error*) refuse "${header#error }" ;; esac
    number=${header#*pid=}
    number=${number%% *}
    if ! look_at "$number" || is_over; then
        refuse 'the script ended right after its start'
    fi
    echo "boot $boot"
    echo "hertz $(getconf CLK_TCK 2>/dev/null || echo 100)"
    echo "pid $number"
    echo "born $born"
    echo "header $header"
}

# Prints the processor time of process $1 and all below it.
show_cpu() {
    [ -e "/proc/$1/task/$1/children" ] || return
    ticks=0
    while [ "$#" -gt 0 ]; do
        number=$1 children=
        shift
        look_at "$number" || continue
        ticks=$((ticks + cpu))
        # There is no end of line in it.
        { read -r children <"/proc/$number/task/$number/children"; } 2>/dev/null
        # shellcheck disable=SC2086 # a list of words
        set -- "$@" $children
    done
    echo "cpu $ticks"
}

# The attempt under way is read before the time, and the log after it: if it
# is not in the log either, it was under way at that time.
state() {
    if is_its && ! is_over; then
        echo 'alive yes'
        show_cpu "$its_pid"
    else
        echo 'alive no'
    fi
    [ -d "$directory" ] && echo 'present yes' || echo 'present no'
    for file in "$directory"/now.*; do
        { read -r now <"$file" && echo "${file##*/} $now"; } 2>/dev/null
    done
    read -r uptime _ </proc/uptime
    echo "boot $boot"
    echo "uptime $uptime"
}

show_log() {
    echo log
    cat "$directory/log" 2>/dev/null
    # Its last line may have been cut.
    echo
    echo 'end of log'
}

# After the log was read: an attempt that is killed would look like a failed
# one in it.
stop() {
    end_members
    rm -rf "$directory"
    left=${members:+ processes$members}
    [ ! -e "$directory" ] || left="$left directory $directory"
    [ -z "$left" ] || echo "left$left"
}

command=$1 directory=$2
read -r boot </proc/sys/kernel/random/boot_id
case $command in
place) place "$2" ;;
start)
    shift 2
    start "$@"
    ;;
state | read | stop)
    its_boot=$3 its_pid=$4 its_born=$5
    state
    [ "$command" = state ] || show_log
    [ "$command" != stop ] || stop
    ;;
esac
echo complete
