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
# Keeps auto-converge from slowing a server down while it is migrated: QEMU's
# throttle is held at 1 %, the least that it takes. What QEMU had before is put
# back when the migration is over, or when standard input ends, which it does
# with the connection that runs this; whichever is first.
#
# Usage: unthrottled.sh TRIES SERVER INITIAL INCREMENT MAXIMUM VIRSH
#   TRIES     how often it is tried to put the values back, a second apart
#   SERVER    its id
#   INITIAL, INCREMENT, MAXIMUM
#             what QEMU had before, in percent
#   VIRSH     the words that ask libvirt, quoted for a shell
#
# Prints "held" as soon as the throttle is held, or why it can't be. A server
# that has gone has taken its values along: that is no error.
set -eu

tries=$1 server=$2 initial=$3 increment=$4 maximum=$5 virsh=$6
looking='' ended=''

# Standard input is no business of virsh.
ask() {
    eval "$virsh --quiet \"\$@\"" < /dev/null 2>&1
}

set_throttle() {
    said=$(ask qemu-monitor-command "$server" "{\"execute\": \
\"migrate-set-parameters\", \"arguments\": {\"cpu-throttle-initial\": $1, \
\"cpu-throttle-increment\": $2, \"max-cpu-throttle\": $3}}") || return 1
    # virsh ends with 0, too, where QEMU says no.
    case $said in
    *'"return"'*) return 0 ;;
    *) return 1 ;;
    esac
}

# A libvirt that can't be asked may be starting again: nobody has gone by that.
is_gone() {
    servers=$(ask list --uuid) || return 1
    case $servers in
    *"$server"*) return 1 ;;
    esac
}

is_migrating() {
    if job=$(ask domjobinfo "$server" --rawstats); then
        case $job in
        *'Job type: '[12]*) return 0 ;;
        *) return 1 ;;
        esac
    fi
    ! is_gone
}

finish() {
    trap '' HUP INT TERM
    # shellcheck disable=SC2086  # two numbers
    [ -z "$looking" ] || kill -KILL $looking 2> /dev/null || :
    until set_throttle "$initial" "$increment" "$maximum" || is_gone; do
        tries=$((tries - 1))
        if [ "$tries" -le 0 ]; then
            printf '%s\n' "$said" || :
            exit 1
        fi
        sleep 1
    done
}

# Whoever would read what is printed may be gone.
trap '' PIPE
trap finish EXIT
trap 'ended=1' HUP INT TERM
if ! set_throttle 1 1 1; then
    printf '%s\n' "$said" || :
    # Where QEMU said no, nothing has changed. Else nobody knows.
    case $said in
    *'"error"'*) trap - EXIT ;;
    esac
    exit 1
fi
echo held || :

exec 3<&0
while is_migrating; do
    sleep 1
done 3<&- > /dev/null 2>&1 &
migration=$!
{
    cat <&3
    # A shell that has just begun loses other signals, while it resets traps.
    kill -KILL "$migration"
} > /dev/null 2>&1 &
looking="$migration $!"
exec 3<&-
# Not before: what is started in a moment would not be known, and stay.
trap 'exit 1' HUP INT TERM
[ -z "$ended" ] || exit 1
wait "$migration" || :
