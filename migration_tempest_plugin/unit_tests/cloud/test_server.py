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
"""A server that is named, and the address that it answers at."""

import testtools

from migration_tempest_plugin.cloud import server
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.unit_tests.cloud import fake_nova


def document(name='web1', status='ACTIVE', addresses=None, number='1'):
    return {
        'id': number,
        'name': name,
        'status': status,
        'addresses': {'blue': [fixed('10.0.0.5')]}
        if addresses is None
        else addresses,
    }


def fixed(address, version=4, kind='fixed'):
    return {'addr': address, 'version': version, 'OS-EXT-IPS:type': kind}


class FakeNova:
    """Has some servers.

    :param own: those of the user's project
    :param others: those of other projects; None if he may not see them
    """

    def __init__(self, *own, others=None):
        self._own = own
        self._others = others

    def get(self, path, version=None, refused=(), query=None):
        if path == '/servers/detail':
            if 'all_tenants' not in query:
                return {'servers': [*self._own]}
            return self._others and {'servers': [*self._own, *self._others]}
        for each in (*self._own, *(self._others or ())):
            if path == '/servers/' + each['id']:
                return {'server': each}
        return None


class TestFind(testtools.TestCase):
    def failure(self, api, *words):
        error = self.assertRaises(
            exceptions.CloudError, server.find, api, *words
        )
        return str(error)

    def test_as_nova_shows_it(self):
        """A floating address is one of the network of its fixed one."""
        api = self.useFixture(fake_nova.Replayed('member'))
        self.assertEqual(
            server.Server(fake_nova.SERVER, fake_nova.SERVER, '10.30.3.237'),
            server.find(api, fake_nova.SERVER),
        )

    def test_by_its_name(self):
        api = FakeNova(document(), document('web10', number='2'))
        self.assertEqual('1', server.find(api, 'web1').id)
        self.assertEqual('web1', server.find(api, 'web1').named)

    def test_of_another_project(self):
        api = FakeNova(others=[document(number='7')])
        self.assertEqual('7', server.find(api, 'web1').id)
        both = FakeNova(document(), others=[document(number='7')])
        self.assertEqual('1', server.find(both, 'web1').id)

    def test_none(self):
        for api in (FakeNova(), FakeNova(document('web10'), others=[])):
            self.assertEqual(
                'there is no server web1 that this user may see',
                self.failure(api, 'web1'),
            )

    def test_several(self):
        api = FakeNova(document(number='8'), document(number='3'))
        self.assertEqual(
            '2 servers are named web1; name one by its id: 3, 8',
            self.failure(api, 'web1'),
        )

    def test_not_active(self):
        self.assertEqual(
            'server web1 is SHUTOFF: it can be followed once it is ACTIVE',
            self.failure(FakeNova(document(status='SHUTOFF')), 'web1'),
        )


class TestAddress(testtools.TestCase):
    def address(self, network=None, **addresses):
        api = FakeNova(document(addresses=addresses))
        return server.find(api, 'web1', network).address

    def test_a_floating_one_first(self):
        self.assertEqual(
            '203.0.113.7',
            self.address(
                blue=[fixed('10.0.0.5')],
                green=[
                    fixed('10.1.0.5'),
                    fixed('203.0.113.7', kind='floating'),
                ],
            ),
        )

    def test_then_one_of_ipv4(self):
        both = [fixed('fd00::5', 6), fixed('10.0.0.5')]
        self.assertEqual('10.0.0.5', self.address(blue=both))
        self.assertEqual('fd00::5', self.address(blue=both[:1]))

    def test_of_a_network(self):
        networks = {'blue': [fixed('10.0.0.5')], 'green': [fixed('10.1.0.5')]}
        self.assertEqual('10.1.0.5', self.address('green', **networks))
        error = self.assertRaises(
            exceptions.CloudError, self.address, 'red', **networks
        )
        self.assertEqual(
            'server web1 has no address in network red; it has in: blue, '
            'green',
            str(error),
        )

    def test_none(self):
        for addresses in ({}, {'blue': []}):
            error = self.assertRaises(
                exceptions.CloudError, self.address, **addresses
            )
            self.assertEqual('server web1 has no address', str(error))
