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

from oslo_config import cfg
from oslo_config import types
from tempest import config

CONF = config.CONF

migration_group = cfg.OptGroup(
    name='migration', title='Measuring live migrations',
    help='How the cost of a live migration is measured, and what is allowed.')

MigrationGroup = [
    cfg.FloatOpt(
        'allowed_network_downtime', min=0,
        help='For how many seconds in sum a server may be unreachable on the '
             'network in one live migration. The upper bound of what was '
             'measured is held against it; a test whose server was away for '
             'longer fails. Unset: [validation] allowed_network_downtime, or '
             '5.0 if this Tempest has no such option.'),
    cfg.FloatOpt(
        'allowed_metadata_downtime', min=0,
        help='For how many seconds in sum a server may be without its '
             'metadata service in one live migration. The upper bound of '
             'what was measured is held against it; a test whose server was '
             'without it for longer fails. Unset: [validation] '
             'allowed_metadata_downtime, or 6.0 if this Tempest has no such '
             'option.'),
    cfg.FloatOpt(
        'allowed_longest_network_outage', min=0,
        help='For how many seconds on end a server may be unreachable on the '
             'network: each single outage is held against it, by its upper '
             'bound. Unset: no limit but that of the sum.'),
    cfg.FloatOpt(
        'allowed_longest_metadata_outage', min=0,
        help='For how many seconds on end a server may be without its '
             'metadata service: each single outage is held against it, by '
             'its upper bound. Unset: no limit but that of the sum.'),
    cfg.FloatOpt(
        'allowed_guest_stop', min=0,
        help='For how many seconds in sum the guest\'s own clock may stand '
             'still in one live migration, by the upper bound. Unset: no '
             'limit.'),
    cfg.FloatOpt(
        'allowed_tcp_stall', min=0,
        help='For how many seconds in sum nothing may come over an '
             'established TCP connection in one live migration, by the upper '
             'bound. Unset: no limit.'),
    cfg.FloatOpt(
        'network_probe_interval', default=0.01, min=0.001, max=10,
        help='Seconds from one ICMP echo to a server to the next. The '
             'smaller, the shorter the outages that are seen, and the '
             'narrower the bounds of all. What was reached stands in the '
             'results. Where Tempest runs without the right to open an ICMP '
             'socket, ping takes over, and goes no lower than 0.02.'),
    cfg.FloatOpt(
        'network_probe_deadline', default=0.5, min=0.002, max=60,
        help='Seconds within which an ICMP echo must be answered. A later '
             'answer counts as none: raise this where the way to the servers '
             'takes longer.'),
    cfg.FloatOpt(
        'metadata_probe_interval', default=0.2, min=0.05, max=60,
        help='Seconds from one request to the metadata service to the next, '
             'in the guest. Each starts a process in the guest: a small one '
             'may not keep up with less than the default.'),
    cfg.FloatOpt(
        'metadata_connect_deadline', default=0.5, min=0.05, max=60,
        help='Seconds within which the metadata service must accept a '
             'connection. At most metadata_probe_deadline.'),
    cfg.FloatOpt(
        'metadata_probe_deadline', default=1.0, min=0.05, max=60,
        help='Seconds within which a request to the metadata service must be '
             'answered. A later answer counts as none, and a request that '
             'hangs is given up and counts as down since its start.'),
    cfg.Opt(
        'metadata_ip_version', default=4,
        # IntOpt itself takes choices in newer releases only
        type=types.Integer(choices=[4, 6]),
        help='Which address of the metadata service is asked: '
             '169.254.169.254 (4), or fe80::a9fe:a9fe (6), which needs a '
             'guest with an IPv6 link-local address and curl or busybox '
             'wget.'),
    cfg.StrOpt(
        'metadata_path', default='/latest/meta-data/instance-id',
        regex='^/[!-~]*$',
        help='Which page of the metadata service is asked for. The '
             'OpenStack format is at /openstack/latest/meta_data.json.'),
    cfg.FloatOpt(
        'guest_heartbeat_interval', default=0.02, min=0.005, max=10,
        help='Seconds from one look at the guest\'s clock to the next, over '
             'one SSH connection that is kept open. Tells how long the guest '
             'was stopped, and how long the connection stalled.'),
    cfg.FloatOpt(
        'guest_heartbeat_deadline', default=0.1, min=0.01, max=60,
        help='Seconds within which the guest\'s clock must be told. What '
             'takes longer is a stall of the TCP connection: raise this '
             'where the way to the servers takes longer.'),
    cfg.FloatOpt(
        'guest_probe_lifetime', default=3600, min=60,
        deprecated_name='metadata_probe_lifetime',
        help='Seconds after which what was started in the guest ends by '
             'itself, should nobody be able to end it. A migration must not '
             'take longer.'),
    cfg.FloatOpt(
        'progress_interval', default=0.5, min=0.1, max=60,
        help='Seconds between two looks at how far a live migration is, by '
             'the API. The phases of a migration are known as exactly as '
             'this.'),
    cfg.IntOpt(
        'baseline_timeout', default=60, min=1,
        help='Seconds within which each meter must have its first answer of '
             'a new server. Nothing is migrated before that: an outage that '
             'began earlier could not be told from one of the migration.'),
    cfg.IntOpt(
        'migration_timeout', default=300, min=1,
        help='Seconds within which the record of a live migration must be '
             'completed. A test whose migration takes longer fails.'),
    cfg.IntOpt(
        'recovery_timeout', default=60, min=1,
        help='Seconds after a migration within which all that is measured '
             'must be answered again. What is away for longer is still down, '
             'and fails the test.'),
]

#: Each group with its options, for all of the functions below.
OPTIONS = ((migration_group, MigrationGroup),)

#: Each limit, as (what is measured, option, each single outage or not).
LIMITS = (('network', 'allowed_network_downtime', False),
          ('network', 'allowed_longest_network_outage', True),
          ('metadata', 'allowed_metadata_downtime', False),
          ('metadata', 'allowed_longest_metadata_outage', True),
          ('guest', 'allowed_guest_stop', False),
          ('tcp', 'allowed_tcp_stall', False))

#: What is allowed where neither this plugin nor Tempest says so, in seconds.
DEFAULT_LIMITS = {'allowed_network_downtime': 5.0,
                  'allowed_metadata_downtime': 6.0}


def register_opts(conf):
    """Register all options with a configuration."""
    for group, options in OPTIONS:
        config.register_opt_group(conf, group, options)


def get_opt_lists():
    """All options, as Tempest wants them."""
    return [(group.name, options) for group, options in OPTIONS]


def list_opts():
    """All options, as oslo-config-generator wants them."""
    return [(group, options) for group, options in OPTIONS]


def limit(name):
    """A limit in seconds, from [migration], [validation] or the default.

    :param name: the option
    :returns: None if there is no such limit
    """
    own = getattr(CONF.migration, name)
    if own is not None or name not in DEFAULT_LIMITS:
        return own
    return getattr(CONF.validation, name, DEFAULT_LIMITS[name])
