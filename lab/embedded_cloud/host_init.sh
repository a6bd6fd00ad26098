#!/bin/sh
# Becomes process 1 of a host: host_init.sh NAME ROOTFS STATE [SOURCE:TARGET]...
#
# Runs in mount, UTS, IPC, PID and network namespaces of its own. Its root is an
# overlay on ROOTFS; what the host writes goes to STATE/upper, and to the SOURCE
# folders that are seen at TARGET. Says "ready" when its network cards may come,
# and goes on at a line on standard input.
set -eu

name=$1 rootfs=$2 state=$3
shift 3

mount --make-rprivate /
mkdir -p "$state/upper" "$state/work" "$state/root"
# volatile: no sync to disk, since the upper layer never outlives the host
mount -t overlay "$name" "$state/root" -o \
    "lowerdir=$rootfs,upperdir=$state/upper,workdir=$state/work,volatile"
cd "$state/root"

mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm dev/net
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for stream in stdin:0 stdout:1 stderr:2; do
    ln -s "/proc/self/fd/${stream#*:}" "dev/${stream%:*}"
done
while read -r device type major minor; do
    mknod -m 666 "dev/$device" "$type" "$major" "$minor"
done <<DEVICES
null c 1 3
zero c 1 5
full c 1 7
random c 1 8
urandom c 1 9
tty c 5 0
net/tun c 10 200
DEVICES
# Open and usable is not the same: some machines have a /dev/kvm that hangs.
if [ "${LAB_VIRT_TYPE:-qemu}" = kvm ]; then
    mknod -m 666 dev/kvm c 10 232
fi
for bind; do
    mkdir -p "${bind%%:*}" ".${bind#*:}"
    mount --bind "${bind%%:*}" ".${bind#*:}"
done

hostname "$name"
mkdir -p .machine
pivot_root . .machine
cd /
echo ready
read -r _
if [ "${LAB_INIT:-supervisor}" != systemd ]; then
    # shellcheck disable=SC2016  # expanded by the inner shell
    exec chroot / /bin/sh -c '
        umount -l /.machine && rmdir /.machine
        /usr/local/sbin/host-prepare
        exec /usr/bin/supervisord -n -c /etc/supervisor/supervisord.conf
    ' < /dev/null
fi

# systemd wants groups of processes (cgroup v2) of its own; no controller is
# needed. The root of all is seen as long as this is not in a namespace of them.
groups=/run/groups
mkdir "$groups"
mount -t cgroup2 cgroup2 "$groups"
mkdir -p "$groups/lab-$name"
echo 0 > "$groups/lab-$name/cgroup.procs"
umount "$groups"
rmdir "$groups"
# shellcheck disable=SC2016  # expanded by the inner shell
exec unshare --cgroup chroot / /bin/sh -c '
    umount -l /.machine && rmdir /.machine
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    /usr/local/sbin/host-prepare
    export container=lab
    exec /usr/lib/systemd/systemd --unit=lab.target
' < /dev/null
