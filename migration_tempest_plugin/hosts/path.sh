#!/bin/sh
# How a host reaches an address, a line each, "NAME VALUE":
#
#   path ADDRESS
#
# "whole" is whether a packet comes back that is as large as the device takes,
# and must not be cut into pieces. It sends a few pings, and changes nothing.
set -u

address=$(getent ahosts "$1" | sed -n '1s/ .*//p')
if [ -z "$address" ]; then
    echo "$1 has no address here" >&2
    exit 1
fi
echo "address $address"
route=$(ip -oneline route get "$address") || exit 1
device=$(echo "$route" | sed -n 's/.* dev \([^ ]*\).*/\1/p')
echo "device $device"
mtu=$(echo "$route" | sed -n 's/.* mtu \([0-9]*\).*/\1/p')
mtu=${mtu:-$(cat "/sys/class/net/$device/mtu")}
echo "mtu $mtu"

# Of IP and of ICMP.
case $address in
*:*) headers=48 ;;
*) headers=28 ;;
esac
if ! command -v ping > /dev/null; then
    exit 0
fi
if ping -n -c 3 -i 0.3 -W 1 -M "do" -s $((mtu - headers)) "$address" \
    > /dev/null 2>&1; then
    echo 'whole yes'
elif ping -n -c 3 -i 0.3 -W 1 "$address" > /dev/null 2>&1; then
    echo 'whole no'
fi
