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
# Makes a volume that is attached to a guest a place to write to. Runs under any
# POSIX shell (busybox, dash, bash); shell.py sends it along, as it does with
# control.sh, whose form the answers have. Root's part is done by sudo where the
# user is not root.
#
# Usage: sh -c "$(cat volume.sh)" volume ID FOLDER
#
# Makes an ext4 (or ext2) file system on the volume of that id, and mounts it
# there: "device PATH".

LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH

refuse() {
    echo "error $*"
    echo complete
    exit 0
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

# Sets $device to the disk whose serial number is the volume's id: all of it, or
# the 20 characters that virtio-blk has room for.
find_device() {
    for path in /sys/block/*; do
        serial=$(cat "$path/serial" "$path/device/vpd_pg80" 2>/dev/null |
            tr -cd '0-9a-f-')
        [ "${#serial}" -ge 20 ] || continue
        case $1 in
        "$serial"*)
            device=/dev/${path##*/}
            return
            ;;
        esac
    done
    refuse "no disk of the guest has the serial number $1"
}

folder=$2
find_device "$1"
if command -v mkfs.ext4 >/dev/null; then
    set -- mkfs.ext4 -q -F
else
    set -- mke2fs -F
fi
said=$(as_root "$@" "$device" 2>&1) ||
    refuse "$* $device: $(echo "$said" | tail -n 1)"
said=$({ as_root mkdir -p "$folder" &&
    as_root mount -t ext4 "$device" "$folder" &&
    as_root chmod 1777 "$folder"; } 2>&1) ||
    refuse "$device can't be mounted: $(echo "$said" | tail -n 1)"
echo "device $device"
echo complete
