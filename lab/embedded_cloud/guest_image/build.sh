#!/bin/sh
# Builds the guest image: build.sh OUTPUT.qcow2
#
# Runs as root inside the lab's root file system. The guest is Debian's cloud
# kernel with an initramfs of busybox, dropbear and curl, on a FAT partition
# that syslinux boots: no loop device and no mount is needed to make it. A
# second partition, ext2, is the guest's /var/tmp, and keeps what is written.
# Everything that is the guest's own is in files/, as it lies in the guest.
set -eu

output=$1
source=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

# Loaded at boot by files/etc/rcS.
modules='virtio_pci virtio_net virtio_blk virtio_scsi sd_mod virtio_rng
    virtio_balloon button evdev ext4'
programs='/usr/bin/curl /usr/sbin/dropbear /usr/bin/dropbearkey'

fetch_kernel() {
    apt-get -qq update
    package=$(apt-cache depends linux-image-cloud-amd64 |
        sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
    cd "$work"
    apt-get -qq -o APT::Sandbox::User=root download "$package"
    dpkg-deb -x "$package"_*.deb kernel
    cd /
    version=${package#linux-image-}
    kernel=$work/kernel/boot/vmlinuz-$version
    # Debian 13 has merged /lib into /usr/lib in its packages.
    [ -d "$work/kernel/lib/modules" ] || ln -s usr/lib "$work/kernel/lib"
}

copy_modules() {
    depmod -b "$work/kernel" "$version"
    for module in $modules; do
        modprobe -d "$work/kernel" -S "$version" --show-depends "$module"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u |
        while read -r path; do
            target=$root/lib/modules/$version/${path##*/}
            case $path in
            *.xz) xz -dc "$path" > "${target%.xz}" ;;
            *) cp "$path" "$target" ;;
            esac
        done
    cp "$work/kernel/lib/modules/$version"/modules.builtin* \
        "$work/kernel/lib/modules/$version/modules.order" \
        "$root/lib/modules/$version/"
    depmod -b "$root" "$version"
}

copy_program() {
    cp "$1" "$root$1"
    ldd "$1" | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (.*/\1/p' |
        while read -r library; do
            mkdir -p "$root${library%/*}"
            cp -L "$library" "$root$library"
        done
}

fill_root() {
    for folder in bin sbin usr/bin usr/sbin lib64 proc sys dev run tmp \
        root home/cirros/.ssh var/log var/tmp mnt etc/dropbear \
        "lib/modules/$version"; do
        mkdir -p "$root/$folder"
    done
    cp /bin/busybox "$root/bin/busybox"
    chroot "$root" /bin/busybox --install -s
    ln -sf bin/busybox "$root/init"
    for program in $programs; do
        rm -f "$root$program"
        copy_program "$program"
    done
    gcc -static -O2 -o "$root/usr/bin/sudo" "$source/sudo.c"
    cp -R "$source/files/." "$root/"
    chmod 4755 "$root/usr/bin/sudo"
    chown -R 1000:1000 "$root/home/cirros"
    chmod 700 "$root/home/cirros/.ssh"
}

make_disk() {
    # An emulated guest takes half a second longer to unpack gzip.
    (cd "$root" && find . | cpio --quiet -o -H newc | lz4 -l -9 -q) \
        > "$work/initrd.img"
    truncate -s 80M "$work/disk"
    # 47 MiB for the boot, behind the first MiB, and the rest for the data
    printf '%s\n' o n p 1 2048 98303 t b a 1 n p 2 98304 163839 w |
        busybox fdisk -u "$work/disk" || true # no kernel reads it again
    busybox fdisk -lu "$work/disk" | grep -q ' 98304 .* 163839 '
    dd if=/usr/lib/SYSLINUX/mbr.bin of="$work/disk" conv=notrunc
    boot=$work/disk@@1M
    # what boots it must know where it begins, and where it ends
    mformat -i "$boot" -F -H 2048 -T 96256 ::
    syslinux --install --offset 1048576 "$work/disk"
    mcopy -i "$boot" "$kernel" ::vmlinuz
    mcopy -i "$boot" "$work/initrd.img" ::initrd.img
    mcopy -i "$boot" "$source/syslinux.cfg" ::syslinux.cfg
    truncate -s 32M "$work/data"
    busybox mke2fs -F -m 0 "$work/data"
    dd if="$work/data" of="$work/disk" bs=1M seek=48 conv=notrunc
    qemu-img convert -O qcow2 "$work/disk" "$output"
}

fetch_kernel
mkdir -p "$root"
fill_root
copy_modules
make_disk
