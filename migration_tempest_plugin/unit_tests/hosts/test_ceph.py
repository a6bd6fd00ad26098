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
"""Who has an image open, in what "rbd status" of several releases printed."""

from unittest import mock

import testtools

from migration_tempest_plugin.hosts import ceph

ONE = """\
Watchers:
\twatcher=10.16.153.105:0/710245699 client.14163 cookie=1
"""
TWO = """\
Watchers:
        watcher=10.10.0.102:0/1061883624 client.25496 cookie=140338056493088
        watcher=[fd00::15]:0/1612 client.4137 cookie=94088
        watcher=v1:10.10.0.103:0/3 client.4138 cookie=2
Persistent cache state:
        host: sceph9
        path: /mnt/nvme0/rbd-pwl.rbd.101e5824ad9a.pool
        stats_timestamp: Sun Apr 10 13:26:32 2022
"""


class TestWatchers(testtools.TestCase):
    def test_parse(self):
        self.assertEqual(('10.16.153.105',), ceph.parse(ONE))
        self.assertEqual(
            ('10.10.0.102', 'fd00::15', '10.10.0.103'), ceph.parse(TWO)
        )
        self.assertEqual((), ceph.parse('Watchers: none\n'))

    def test_how_it_is_asked(self):
        host = mock.Mock(**{'run.return_value': ONE})
        self.assertEqual(
            ('10.16.153.105',),
            ceph.watchers(host, ('rbd', '--id', 'cinder'), 'volumes/volume-1'),
        )
        host.run.assert_called_once_with(
            'rbd', '--id', 'cinder', 'status', 'volumes/volume-1'
        )
