#!/bin/sh
# What a compute host is, a line each, "NAME VALUE":
#
#   facts INSTANCES
#
# where INSTANCES is the folder of the servers' disks. It reads only.
set -u

# First, so that who asked knows best when this was.
echo "clock $(date +%s.%N)"
echo "architecture $(uname -m)"
if [ -r /etc/os-release ]; then
    # os-release(5) wants it read like this.
    # shellcheck source=/dev/null
    (. /etc/os-release && echo "system ${PRETTY_NAME:-$ID}")
fi
if [ -c /dev/kvm ]; then
    echo 'kvm yes'
fi

# What Debian, Red Hat and Kolla call those that own disks and sockets.
for name in libvirt-qemu qemu nova; do
    if id=$(id -u "$name" 2> /dev/null); then
        echo "account user $name $id"
    fi
done
for name in kvm libvirt libvirt-qemu qemu nova; do
    if entry=$(getent group "$name"); then
        entry=${entry#*:*:}
        echo "account group $name ${entry%%:*}"
    fi
done

if [ -d "$1" ]; then
    echo "storage $(findmnt --noheadings --first-only \
        --output FSTYPE,SOURCE --target "$1")"
fi

# What oslo.config reads for it where it is not said, in this order.
for file in nova.conf nova-compute.conf nova.conf.d nova-compute.conf.d; do
    if [ -e "/etc/nova/$file" ]; then
        echo "default /etc/nova/$file"
    fi
done
# The program itself, or what an interpreter runs.
grep -lazE '(^|/)nova-compute$' /proc/[0-9]*/cmdline 2> /dev/null |
    while IFS= read -r cmdline; do
        if tr '\0' '\n' < "$cmdline" | sed 2q |
            grep -qE '(^|/)nova-compute$'; then
            tr '\0' '\n' < "$cmdline" | sed 's/^/argument /'
            break
        fi
    done
