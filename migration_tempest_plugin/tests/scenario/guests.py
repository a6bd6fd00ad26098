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
"""Servers of a test: booted, reached, and what is kept if it fails."""

from tempest.common import waiters
from tempest.lib.common.utils import test_utils
from tempest.scenario import manager
from testtools import content

from migration_tempest_plugin.cloud import evidence
from migration_tempest_plugin import config
from migration_tempest_plugin.guest import reach
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.hosts import inventory
from migration_tempest_plugin.report import streams

CONF = config.CONF


class Guest:
    """A server, and how to get into it.

    :ivar id: of the server
    :ivar address: what is probed, and where SSH goes
    :ivar ssh: Tempest's client of the guest
    :ivar group: id of its security group
    :ivar private_key: what opens it, as text
    """

    def __init__(self, server, address, ssh, group, private_key=None):
        self.id = server['id']
        self.address = address
        self.ssh = ssh
        self.group = group
        self.private_key = private_key

    def connect(self):
        """A connection of its own, as a paramiko.SSHClient."""
        return self.ssh.ssh_client.connect()

    def reach(self):
        """Wait until it can be logged into, as after a boot.

        :raises SSHTimeout: if it can't in time
        """
        reach.wait_for_ssh(self.address, CONF.validation.ssh_timeout)
        self.ssh.validate_authentication()

    def sync(self):
        """Have it write to its disk what it still holds in memory.

        A hard reboot loses that: in a guest that was just made, the keys of
        its sshd and the configuration of its network.
        """
        self._run('sync')

    def boot_id(self):
        """Another one after each boot (proc(5), random/boot_id)."""
        return self._run('cat /proc/sys/kernel/random/boot_id').strip()

    def uptime(self):
        """Seconds since the guest booted."""
        return float(self._run('cat /proc/uptime').split()[0])

    def _run(self, command):
        return shell.run(self.ssh, 'the server ' + self.id, command)


class GuestScenario(manager.NetworkScenarioTest):
    """Base of the tests that get into their servers."""

    credentials = ['primary', 'admin']

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if not CONF.validation.run_validation:
            raise cls.skipException(
                'Nothing is measured without reaching the servers: '
                '[validation] run_validation'
            )
        if CONF.validation.connect_method == 'floating' and not (
            CONF.network.public_network_id
            and CONF.network_feature_enabled.floating_ips
        ):
            raise cls.skipException(
                'No floating IPs: [network] public_network_id and '
                '[network-feature-enabled] floating_ips, or [validation] '
                'connect_method = fixed where servers are reached directly'
            )

    @classmethod
    def resource_setup(cls):
        super().resource_setup()
        cls.computes = inventory.computes(CONF.migration_hosts)
        for compute in cls.computes.values():
            cls.addClassResourceCleanup(compute.close)

    def boot_guest(self, **arguments):
        """Boot a server that is reached by ICMP and SSH.

        :param arguments: further ones of Tempest's create_server()
        """
        return self.boot_guests(1, **arguments)[0]

    def boot_guests(self, count, **arguments):
        """Boot servers that are reached by ICMP and SSH, side by side.

        :param count: how many
        :param arguments: further ones of Tempest's create_server()
        """
        keypair = self.create_keypair()
        group = self.create_security_group()
        servers = [
            self._create(
                key_name=keypair['name'],
                security_groups=[{'name': group['name']}],
                **arguments,
            )
            for _ in range(count)
        ]
        self.addCleanup(self._delete, servers)
        for server in servers:
            waiters.wait_for_server_status(
                self.servers_client, server['id'], 'ACTIVE'
            )
        # With their addresses now.
        servers = [
            self.servers_client.show_server(server['id'])['server']
            for server in servers
        ]
        return [
            self._reach(server, group, keypair['private_key'])
            for server in servers
        ]

    def _create(self, **arguments):
        """A server that is being built; if the test fails, it says why."""
        server = self.create_server(wait_until=None, **arguments)
        self.keep_evidence_of(server['id'])
        return server

    def keep_evidence_of(self, server):
        """If the test fails, have all that says why about a server."""
        bundle = evidence.Bundle(
            self.os_admin,
            server,
            self.computes,
            CONF.compute_feature_enabled.console_output,
        )
        self.addOnException(
            lambda _: bundle.keep(
                lambda name, text: self.addDetail(
                    streams.bundle_name(server, name),
                    content.text_content(text),
                )
            )
        )

    def _delete(self, servers):
        """Before Tempest does so, and waits for the end of each in turn."""
        for server in servers:
            test_utils.call_and_ignore_notfound_exc(
                self.servers_client.delete_server, server['id']
            )

    def _reach(self, server, group, private_key):
        address = self.get_server_ip(server)
        # If there is no answer, Tempest's client finds out, and says why.
        reach.wait_for_ssh(address, CONF.validation.ssh_timeout)
        ssh = self.get_remote_client(
            address, private_key=private_key, server=server
        )
        ssh.ssh_client = reach.KeptClient.like(ssh.ssh_client)
        self.addCleanup(ssh.ssh_client.close)
        return Guest(server, address, ssh, group['id'], private_key)

    def interfaces_of(self, guest):
        """Each fixed address of a guest, as (MAC, address)."""
        server = self.servers_client.show_server(guest.id)['server']
        return [
            (address['OS-EXT-IPS-MAC:mac_addr'], address['addr'])
            for network in server['addresses'].values()
            for address in network
            if address['OS-EXT-IPS:type'] == 'fixed'
        ]

    def addresses_of(self, guest):
        """The fixed addresses of a guest."""
        return [address for _, address in self.interfaces_of(guest)]

    def outside(self, guest):
        """The address outside that a guest must reach."""
        return (
            CONF.migration.guest_outside_address
            or shell.ask(guest.ssh, 'look', 'tester')['address']
        )
