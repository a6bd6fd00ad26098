#!/bin/sh
# Makes the disk of a Debian guest: build.sh ROOT OUTPUT.qcow2
#
# Runs as root inside the lab's root file system. ROOT is the guest's own root
# file system, which becomes the second partition; syslinux boots it from a FAT
# partition before that: no loop device and no mount is needed.
set -eu

root=$1 output=$2
source=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# MiB: before the first partition, in it, and in the second
gap=1 boot=96 data=1600

sectors() {
    echo $(($1 * 2048))
}

: > "$work/disk"
truncate -s "$((gap + boot + data))M" "$work/disk"
printf '%s\n' o n p 1 "$(sectors $gap)" "$(($(sectors $((gap + boot))) - 1))" \
    t b a 1 n p 2 "$(sectors $((gap + boot)))" \
    "$(($(sectors $((gap + boot + data))) - 1))" w |
    busybox fdisk -u "$work/disk" || true # no kernel reads it again
busybox fdisk -lu "$work/disk" | grep -q " $(sectors $((gap + boot))) "
dd if=/usr/lib/SYSLINUX/mbr.bin of="$work/disk" conv=notrunc

first=$work/disk@@${gap}M
mformat -i "$first" -F -H "$(sectors $gap)" -T "$(sectors $boot)" ::
syslinux --install --offset $((gap * 1048576)) "$work/disk"
mcopy -i "$first" "$root"/boot/vmlinuz-* ::vmlinuz
mcopy -i "$first" "$root"/boot/initrd.img-* ::initrd.img
mcopy -i "$first" "$source/syslinux.cfg" ::syslinux.cfg

truncate -s "${data}M" "$work/data"
mke2fs -q -t ext4 -m 0 -d "$root" "$work/data"
dd if="$work/data" of="$work/disk" bs=1M seek=$((gap + boot)) conv=notrunc,sparse
qemu-img convert -O qcow2 "$work/disk" "$output"
