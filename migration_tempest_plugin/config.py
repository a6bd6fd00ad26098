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
"""The options, in one table that feeds all who ask for them."""

import collections.abc
import typing

from oslo_config import cfg
from oslo_config import types
from tempest import config

CONF = config.CONF

_Options: typing.TypeAlias = collections.abc.Sequence[cfg.Opt]

migration_group = cfg.OptGroup(
    name='migration',
    title='Measuring live migrations',
    help='How the cost of a live migration is measured, and what is allowed.',
)

MigrationGroup = [
    cfg.FloatOpt(
        'allowed_network_downtime',
        min=0,
        help='For how many seconds in sum a server may be unreachable on the '
        'network in one live migration. A test fails if the upper bound '
        'of what was measured is longer. Unset: [validation] '
        'allowed_network_downtime, or 5.0 if this Tempest has no such '
        'option.',
    ),
    cfg.FloatOpt(
        'allowed_metadata_downtime',
        min=0,
        help='For how many seconds in sum a server may be without its '
        'metadata service in one live migration. A test fails if the '
        'upper bound of what was measured is longer. Unset: '
        '[validation] allowed_metadata_downtime, or 6.0 if this Tempest '
        'has no such option.',
    ),
    cfg.FloatOpt(
        'allowed_longest_network_outage',
        min=0,
        help='For how many seconds on end a server may be unreachable on the '
        'network: the upper bound of each single outage counts. Unset: '
        'no limit but that of the sum.',
    ),
    cfg.FloatOpt(
        'allowed_longest_metadata_outage',
        min=0,
        help='For how many seconds on end a server may be without its '
        'metadata service: the upper bound of each single outage counts. '
        'Unset: no limit but that of the sum.',
    ),
    cfg.FloatOpt(
        'allowed_guest_stop',
        min=0,
        help="For how many seconds in sum the guest's own clock may stand "
        'still in one live migration, by the upper bound. Unset: no '
        'limit.',
    ),
    cfg.FloatOpt(
        'allowed_tcp_stall',
        min=0,
        help='For how many seconds in sum nothing may come over an '
        'established TCP connection in one live migration, by the upper '
        'bound. Unset: no limit.',
    ),
    cfg.FloatOpt(
        'allowed_storage_stall',
        min=0,
        help='For how many seconds in sum what a server writes to its disk '
        'may stall in one live migration, by the upper bound. Where it is '
        'set, each server that is measured writes a record of 4 KiB to '
        'guest_storage_folder every 0.2 s. Unset: no limit, and only servers '
        'write whose storage is checked.',
    ),
    cfg.FloatOpt(
        'allowed_network_round_trip',
        min=0,
        help='How many seconds 99 % of the answers to pings of a server may '
        'take while it is live migrated, of those that are answered. It takes '
        '100 answers: with fewer it is not checked. Unset: no limit.',
    ),
    cfg.FloatOpt(
        'allowed_tcp_round_trip',
        min=0,
        help='The same for what is sent over an established TCP connection, '
        'and answered by the guest itself.',
    ),
    cfg.FloatOpt(
        'allowed_metadata_round_trip',
        min=0,
        help='The same for requests of a server to its metadata service. They '
        'are 5 in a second by default: a migration of less than 20 s has too '
        'few.',
    ),
    cfg.BoolOpt(
        'fail_unchecked_limits',
        default=True,
        help='Whether a test fails where one of these limits is finer than '
        "the resolution that was reached, so that it can't be checked: "
        'what is longer than the limit may have gone by between two '
        'probes. Or where a round trip has too few answers. If not, the '
        'results say so.',
    ),
    cfg.FloatOpt(
        'network_probe_interval',
        default=0.01,
        min=0.001,
        max=10,
        help='Seconds from one ICMP echo to a server to the next. The '
        'smaller, the shorter the outages that are seen, and the '
        'narrower the bounds of all. What was reached stands in the '
        'results. Where Tempest runs without the right to open an ICMP '
        'socket, ping takes over, and goes no lower than 0.02.',
    ),
    cfg.FloatOpt(
        'network_probe_deadline',
        default=0.5,
        min=0.002,
        max=60,
        help='Seconds within which an ICMP echo must be answered. A later '
        'answer counts as none: raise this where the way to the servers '
        'takes longer.',
    ),
    cfg.FloatOpt(
        'metadata_probe_interval',
        default=0.2,
        min=0.05,
        max=60,
        help='Seconds from one request to the metadata service to the next, '
        'in the guest. Where the guest has no curl 7.84 or later, each '
        'starts a process there: a small guest may not keep up with '
        'less than 0.5. While requests fail, they are made in '
        'quicker succession where the guest has that curl.',
    ),
    cfg.FloatOpt(
        'metadata_connect_deadline',
        default=3.0,
        min=0.05,
        max=60,
        help='Seconds within which the metadata service must accept a '
        'connection, at the most. What holds in a guest is five times '
        'the slowest of its first ten requests, but not less than '
        'metadata_least_connect_deadline, and not more than this nor '
        'than metadata_probe_deadline.',
    ),
    cfg.FloatOpt(
        'metadata_probe_deadline',
        default=5.0,
        min=0.05,
        max=60,
        help='Seconds within which a request to the metadata service must be '
        'answered, at the most. What holds in a guest is five times '
        'the slowest of its first ten requests, but not less than '
        'metadata_least_probe_deadline, and not more than this. A later '
        'answer counts as none, and a request that hangs is given up '
        'and counts as down since its start.',
    ),
    cfg.FloatOpt(
        'metadata_least_connect_deadline',
        default=0.5,
        min=0.05,
        max=60,
        help='What metadata_connect_deadline is in a guest that is quick, '
        'unless that is less. Below 1, a connection whose first packet '
        'was lost is tried anew rather than waited for. The smaller, '
        'the narrower the bounds of an outage in which nothing answers '
        'at all.',
    ),
    cfg.FloatOpt(
        'metadata_least_probe_deadline',
        default=1.0,
        min=0.05,
        max=60,
        help='What metadata_probe_deadline is in a guest that is quick, '
        'unless that is less.',
    ),
    cfg.Opt(
        'metadata_ip_version',
        default=4,
        # IntOpt itself takes choices in newer releases only
        type=types.Integer(choices=[4, 6]),
        help='Which address of the metadata service is asked: '
        '169.254.169.254 (4), or fe80::a9fe:a9fe (6), which needs a '
        'guest with an IPv6 link-local address and curl or busybox '
        'wget.',
    ),
    cfg.StrOpt(
        'metadata_path',
        default='/latest/meta-data/instance-id',
        regex='^/[!-~]*$',
        help='Which page of the metadata service is asked for. The '
        'OpenStack format is at /openstack/latest/meta_data.json.',
    ),
    cfg.FloatOpt(
        'guest_heartbeat_interval',
        default=0.02,
        min=0.005,
        max=10,
        help="Seconds from one look at the guest's clock to the next, over "
        'one SSH connection that is kept open. Shows how long the guest '
        'was stopped, and how long the connection stalled.',
    ),
    cfg.FloatOpt(
        'guest_heartbeat_deadline',
        default=0.1,
        min=0.1,
        max=60,
        help='Seconds: what takes no longer is no stall of the TCP '
        'connection. It is a lower limit: from which answer on it is a '
        'stall is chosen before each migration, by how long the guest '
        'takes to answer then, and stands in the results.',
    ),
    cfg.FloatOpt(
        'guest_probe_lifetime',
        default=3600,
        min=60,
        deprecated_name='metadata_probe_lifetime',
        help='Seconds after which what was started in the guest ends by '
        'itself, should nobody be able to end it. A migration must not '
        'take longer.',
    ),
    cfg.FloatOpt(
        'progress_interval',
        default=0.5,
        min=0.1,
        max=60,
        help='Seconds between two looks at how far a live migration is, by '
        'the API. The phases of a migration are known as exactly as '
        'this. Where the API answers slowly, it is longer: looking takes '
        'half of the time at the most.',
    ),
    cfg.IntOpt(
        'baseline_timeout',
        default=60,
        min=1,
        help='Seconds within which each meter must have its first answer of '
        'a new server. Nothing is migrated before that: an outage that '
        'began earlier would look like one of the migration.',
    ),
    cfg.IntOpt(
        'migration_timeout',
        default=300,
        min=1,
        help='Seconds within which the record of a live migration must be '
        'completed. A test whose migration takes longer fails.',
    ),
    cfg.IntOpt(
        'recovery_timeout',
        default=60,
        min=1,
        help='Seconds after a migration within which all that is measured '
        'must be answered again. What is down for longer is still down '
        'at the end, and fails the test.',
    ),
    cfg.StrOpt(
        'cloud_release',
        default='',
        help='What is installed in the cloud, in your words ("2026.2, Nova '
        '34.0.0", say). It goes into the records and reports, so that '
        'runs before and after an upgrade can be distinguished.',
    ),
    cfg.StrOpt(
        'dashboard_url',
        default='',
        regex='^(https?://.+)?$',
        help='Where Horizon is: http://controller/, say. What its forms show '
        'and take is tested there, as an administrator, in Chromium, which '
        'must be installed with its driver where Tempest runs. Unset: those '
        'tests are skipped.',
    ),
    cfg.ListOpt(
        'variants',
        default=[],
        help='Which kinds of migration the matrix tests, by the names in '
        'tests/scenario/variants.py ("pre_copy", "cold", ...). Empty: '
        'all that the cloud can do.',
    ),
    cfg.BoolOpt(
        'there_and_back',
        default=True,
        help='Whether the matrix, and the test that looks a server over, '
        'migrate each server back, too: both hosts matter then. Off, they '
        'take about half as long.',
    ),
    cfg.IntOpt(
        'parallel_guests',
        default=2,
        min=2,
        help='How many servers are live migrated at the same time where a '
        'test migrates several. All of them are on one host for a '
        'while.',
    ),
    cfg.IntOpt(
        'repeats',
        default=4,
        min=2,
        help='How often a server is live migrated, to and fro, where a test '
        'looks at how its downtimes are spread.',
    ),
    cfg.FloatOpt(
        'allowed_median_network_downtime',
        min=0,
        help='For how many seconds a server may be unreachable on the '
        'network in the median of repeated live migrations, the first '
        'one left out, by the upper bounds. Unset: no limit but those '
        'of each one.',
    ),
    cfg.BoolOpt(
        'allow_disabling_computes',
        default=False,
        help='Whether tests may keep servers off a host for some minutes: by '
        'disabling its compute service, or by taking its memory in '
        'Placement. Those that need it are skipped without it.',
    ),
    cfg.StrOpt(
        'samples_directory',
        help='Folder on this machine for a file of each measured live '
        'migration, with each sample as it comes and the phases, so '
        'that a test that is killed loses the last second of them: tempest '
        'downtime report and summary --subunit FILE read it. For what a '
        'server asks its metadata service, that takes one more SSH connection '
        'to it. The folder is made if it is not there. '
        'Unset: no file is written.',
    ),
    cfg.StrOpt(
        'guest_storage_folder',
        default='/var/tmp',
        regex='^/',
        help='Where in a server the check of its storage writes some MiB to: '
        'on a disk, not in memory.',
    ),
    cfg.FloatOpt(
        'guest_storage_deadline',
        default=0.1,
        min=0.01,
        max=60,
        help='Seconds; a record that a server writes to its disk has stalled '
        'if it takes longer than that, and longer than the records before '
        'the migration suggest.',
    ),
    cfg.StrOpt(
        'guest_outside_address',
        default='',
        help='The address outside that a server must reach, by ping. Unset: '
        'the one from which SSH comes to it.',
    ),
    cfg.PortOpt(
        'guest_open_port',
        default=4200,
        help='A TCP port on which nothing listens in the servers. The '
        'security group gets a rule that lets it in, and the servers '
        'must refuse connections to it.',
    ),
    cfg.PortOpt(
        'guest_closed_port',
        default=4201,
        help='A TCP port that the security group does not let in: it must '
        'never be answered while a server is live migrated.',
    ),
    cfg.FloatOpt(
        'allowed_clock_drift',
        default=2.0,
        min=0,
        help="By how many seconds a server's time of day may be late or "
        'early after a live migration. Where a server is stopped, its '
        'clock may lose that time.',
    ),
    cfg.IntOpt(
        'memory_load',
        default=32,
        min=1,
        help="MiB of a server's memory that are written again and again "
        'where a test needs a live migration that does not come to its '
        'end by itself. Less than is free in the guest.',
    ),
    cfg.IntOpt(
        'limited_bandwidth',
        default=8,
        min=1,
        help='MiB per second to which a live migration is held where a test '
        'needs one that takes long. The guest must be able to write '
        'more than that.',
    ),
]

feature_group = cfg.OptGroup(
    name='migration-feature-enabled',
    title='What live migrations can do in this cloud',
    help='A test of what is not enabled here is skipped.',
)

FeatureGroup = [
    cfg.BoolOpt(
        'aborted_server_active',
        default=True,
        help='Whether a server whose live migration is aborted, by the API '
        'or because it takes too long, is ACTIVE again, as the API '
        'promises. Nova 32.2.0 to 34.0.0 leave it in ERROR though the '
        'guest is unharmed: false makes the tests expect that, judge '
        'the rest, and reset the state.',
    ),
    cfg.BoolOpt(
        'starlingx_extra_specs',
        default=False,
        help="Whether Nova's API checks the extra specs "
        'hw:wrs:live_migration_*: StarlingX does, and a stock Nova with '
        'this plugin installed beside its API.',
    ),
    cfg.BoolOpt(
        'starlingx_metadefs',
        default=False,
        help='Whether Glance has the metadata definitions of the extra specs '
        'hw:wrs:live_migration_*, of which Horizon makes its form.',
    ),
    cfg.BoolOpt(
        'starlingx_settings',
        default=False,
        help='Whether the computes themselves heed the settings '
        "hw:wrs:live_migration_* of a server, as StarlingX's do, and those "
        'with nova-virt-starlingx. If not, the tests start "tempest downtime '
        'policy", which does what can be done from outside.',
    ),
    cfg.BoolOpt(
        'starlingx_nova',
        default=False,
        help="Whether the computes run StarlingX's own Nova (r/2018.10), "
        'whose time-outs are not per GB and whose steps of the maximum '
        "downtime differ from Nova's. With nova-virt-starlingx they do not.",
    ),
    cfg.BoolOpt(
        'tunnelled',
        default=False,
        help="Whether the computes can live migrate through libvirt's own "
        'connection ([libvirt] live_migration_tunnelled of nova.conf). Where '
        'disks are copied, only servers whose disk is a volume can.',
    ),
    cfg.BoolOpt(
        'post_copy',
        default=False,
        help='Whether the computes can live migrate in post-copy mode '
        '([libvirt] live_migration_permit_post_copy of nova.conf).',
    ),
    cfg.BoolOpt(
        'parallel_connections',
        default=False,
        help="Whether the computes can copy a server's memory over several "
        'connections ([libvirt] live_migration_parallel_connections of '
        'nova.conf, which came with Nova 2026.1 or 2026.2).',
    ),
    cfg.BoolOpt(
        'native_tls',
        default=False,
        help='Whether QEMU on the computes has certificates for live '
        'migrations ([libvirt] live_migration_with_native_tls of '
        "nova.conf, and libvirt's qemu.conf).",
    ),
    cfg.BoolOpt(
        'reload',
        default=True,
        help='Whether nova-compute reads its mutable options again on '
        'SIGHUP. Nova 34.0.0 with oslo.service 4.8.0 does not, and a '
        'second SIGHUP ends it.',
    ),
    cfg.BoolOpt(
        'cpu_pinning',
        default=False,
        help='Whether two computes have CPUs for a server of two with '
        'hw:cpu_policy=dedicated.',
    ),
]

hosts_group = cfg.OptGroup(
    name='migration-hosts',
    title='Behind the API: the compute hosts',
    help='How the compute hosts are reached by SSH, and how they are laid '
    'out. Tests that look behind the API are skipped without '
    '"computes".',
)

#: Those that a section of hosts_file may set for its host.
HostOptions = [
    cfg.PortOpt(
        'port', default=22, help='Where the SSH server of the hosts listens.'
    ),
    cfg.StrOpt(
        'user',
        default='root',
        help='Who logs in on the hosts. Others than root need become_command.',
    ),
    cfg.StrOpt(
        'private_key_file',
        default='',
        help="The private key that opens them. Unset: what SSH's agent and "
        '~/.ssh have.',
    ),
    cfg.StrOpt(
        'known_hosts_file',
        default='~/.ssh/known_hosts',
        help='The file in which the keys of the hosts are looked up.',
    ),
    cfg.BoolOpt(
        'check_host_keys',
        default=True,
        help='Whether a host is refused whose key is not in known_hosts_file.',
    ),
    cfg.StrOpt(
        'become_command',
        default='',
        help='What is put in front of each command where the user is not '
        'root: "sudo -n", say.',
    ),
    cfg.FloatOpt(
        'ssh_timeout',
        default=60,
        min=1,
        help='Seconds within which a host must be connected, and a command '
        'on it must end.',
    ),
    cfg.StrOpt(
        'virsh_command',
        default='virsh',
        help='How libvirt is asked. In a container: "podman exec '
        'nova_libvirt virsh", say.',
    ),
    cfg.StrOpt(
        'nova_conf',
        default='/etc/nova/nova.conf',
        help="nova-compute's configuration, as the host sees it. DevStack: "
        '/etc/nova/nova-cpu.conf; Kolla: '
        '/etc/kolla/nova-compute/nova.conf.',
    ),
    cfg.StrOpt(
        'nova_compute_unit',
        default='nova-compute',
        help="The name of nova-compute's systemd unit, or container, which "
        'stands for {unit} in the commands below. RDO: '
        'openstack-nova-compute; DevStack: devstack@n-cpu; Kolla: '
        'nova_compute.',
    ),
    cfg.StrOpt(
        'nova_compute_log',
        default='/var/log/nova/nova-compute.log',
        help="nova-compute's log, as the host sees it. Empty: systemd's "
        'journal of nova_compute_unit, as in DevStack.',
    ),
    cfg.StrOpt(
        'stop_command',
        default='systemctl stop {unit}',
        help='Stops nova-compute. Kolla: "systemctl stop '
        'kolla-{unit}-container.service"; systemd would start again '
        'what podman or docker stops.',
    ),
    cfg.StrOpt(
        'start_command',
        default='systemctl start {unit}',
        help='Starts nova-compute. Kolla: "systemctl start '
        'kolla-{unit}-container.service".',
    ),
    cfg.StrOpt(
        'reload_command',
        default='systemctl kill --kill-who=main --signal=HUP {unit}',
        help='Makes nova-compute read its mutable options again: sends '
        'SIGHUP. Kolla copies nova.conf into its container when that '
        'starts: see the documentation for the command that does so '
        'before.',
    ),
    cfg.StrOpt(
        'libvirt_kill_command',
        default='systemctl kill --kill-who=main --signal=KILL libvirtd',
        help="Ends libvirt's daemon at once, as a crash would. Modular "
        'libvirt: virtqemud. Kolla: "docker kill nova_libvirt"; systemd '
        'starts it again.',
    ),
    cfg.StrOpt(
        'instances_path',
        default='/var/lib/nova/instances',
        help="The folder of the servers' disks, as the host sees it "
        '(nova.conf, [DEFAULT] instances_path).',
    ),
    cfg.StrOpt(
        'rbd_command',
        default='',
        help='Asks Ceph, on the host, who has a volume open: "rbd --id '
        'cinder", say, where the host has the keyring of that client; Kolla: '
        '"docker exec nova_libvirt rbd --id cinder". Unset: Ceph is not '
        'asked.',
    ),
]

HostsGroup = [
    cfg.DictOpt(
        'computes',
        default={},
        help="The compute hosts, as name:address, where the name is Nova's "
        '(openstack compute service list).',
    ),
    cfg.StrOpt(
        'hosts_file',
        default='',
        help='A file with a section [NAME] for each compute host that '
        'differs: "address" (then it need not be in "computes"), and '
        'any of the options below.',
    ),
    *HostOptions,
    cfg.BoolOpt(
        'allow_restart',
        default=False,
        help='Whether tests may change options of nova.conf on the hosts and '
        'restart nova-compute there. What they changed they put back. '
        'Those that need it are skipped without it.',
    ),
    cfg.FloatOpt(
        'service_timeout',
        default=180,
        min=1,
        help='Seconds within which nova-compute must have stopped when it is '
        'asked to (Nova 34 first finishes what it is at, which may take '
        '140), and must answer after it was started.',
    ),
    cfg.StrOpt(
        'database_connection',
        default='',
        secret=True,
        help='The database of the cell that the servers are in, as '
        'mysql+pymysql://USER:PASSWORD@HOST/NAME (nova.conf of the '
        'conductor, [database] connection). It is read only.',
    ),
    cfg.StrOpt(
        'database_tunnel',
        default='',
        help='The host through whose SSH server the database is reached, with '
        'user, port and keys as above. Unset: it is reached from here.',
    ),
    cfg.StrOpt(
        'storage_host',
        default='',
        help='The host of the storage that volumes are on, with user, port '
        'and keys as above. Tests that hold all volumes up for some seconds '
        'are skipped without it: never name that of others.',
    ),
    cfg.StrOpt(
        'storage_pause_command',
        default='systemctl kill --signal=STOP ceph-osd@*',
        help='Stops the storage of volumes, so that it answers nobody.',
    ),
    cfg.StrOpt(
        'storage_resume_command',
        default='systemctl kill --signal=CONT ceph-osd@*',
        help='Lets the storage of volumes go on after it was stopped.',
    ),
]

#: Each group with its options, for all of the functions below.
OPTIONS = (
    (migration_group, MigrationGroup),
    (feature_group, FeatureGroup),
    (hosts_group, HostsGroup),
)

#: Each limit, as (what is measured, option, each single outage or not).
LIMITS = (
    ('network', 'allowed_network_downtime', False),
    ('network', 'allowed_longest_network_outage', True),
    ('metadata', 'allowed_metadata_downtime', False),
    ('metadata', 'allowed_longest_metadata_outage', True),
    ('guest', 'allowed_guest_stop', False),
    ('tcp', 'allowed_tcp_stall', False),
    ('storage', 'allowed_storage_stall', False),
)

#: The same, of what only a watch measures: none is an option of tempest.conf.
WATCH_LIMITS = (
    ('connect', 'allowed_connect_downtime', False),
    ('http', 'allowed_http_downtime', False),
    ('kept', 'allowed_kept_downtime', False),
    ('dns', 'allowed_dns_downtime', False),
)

#: Each limit of round trips, as (what is measured, option).
ROUND_TRIP_LIMITS = (
    ('network', 'allowed_network_round_trip'),
    ('tcp', 'allowed_tcp_round_trip'),
    ('metadata', 'allowed_metadata_round_trip'),
)

#: The options of all limits.
LIMIT_OPTIONS = (
    *(option for _, option, _ in LIMITS),
    *(option for _, option in ROUND_TRIP_LIMITS),
)

#: What is allowed where neither this plugin nor Tempest says so, in seconds.
DEFAULT_LIMITS = {
    'allowed_network_downtime': 5.0,
    'allowed_metadata_downtime': 6.0,
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register all options with a configuration."""
    for group, options in OPTIONS:
        config.register_opt_group(conf, group, options)


def get_opt_lists() -> list[tuple[str, _Options]]:
    """All options, as Tempest wants them."""
    return [(group.name, options) for group, options in OPTIONS]


def list_opts() -> list[tuple[cfg.OptGroup, _Options]]:
    """All options, as oslo-config-generator wants them."""
    return [(group, options) for group, options in OPTIONS]


def limit(name: str) -> float | None:
    """A limit in seconds, from [migration], [validation] or the default.

    :param name: the option
    :returns: None if there is no such limit
    """
    own: float | None = getattr(CONF.migration, name)
    if own is not None or name not in DEFAULT_LIMITS:
        return own
    default: float = getattr(CONF.validation, name, DEFAULT_LIMITS[name])
    return default
