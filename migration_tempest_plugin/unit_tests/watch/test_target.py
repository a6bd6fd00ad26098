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

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.meters.service_kinds import Connect
from migration_tempest_plugin.meters.service_kinds import Dns
from migration_tempest_plugin.meters.service_kinds import Http
from migration_tempest_plugin.watch import target


class TestTargets(testtools.TestCase):
    def test_what_is_pinged(self):
        for text in (
            '192.0.2.7',
            'host.example',
            'caf\xe9.example',
            'fd00::5',
            'fe80::1%eth0',
        ):
            self.assertIsNone(target.parse(text), text)

    def test_services(self):
        for text, service in (
            ('db:3306', Connect(('db', 3306))),
            ('[fd00::5]:22', Connect(('fd00::5', 22))),
            ('http://vip', Http(('vip', 80))),
            ('http://vip:5000/v3?a=b', Http(('vip', 5000), '/v3?a=b')),
            ('https://[fd00::5]/', Http(('fd00::5', 443), secure=True)),
            ('HTTPS://vip#x', Http(('vip', 443), secure=True)),
            ('a.example@192.0.2.1', Dns(('192.0.2.1', 53), 'a.example')),
            ('a.example.@ns:5353', Dns(('ns', 5353), 'a.example.')),
            ('a@fd00::5', Dns(('fd00::5', 53), 'a')),
            ('a@[fd00::5]:54', Dns(('fd00::5', 54), 'a')),
        ):
            self.assertEqual(service, target.parse(text), text)

    def test_how_pages_are_asked(self):
        pages = target.Pages(((401, 401),), check=False)
        self.assertEqual(
            Http(('vip', 443), '/', True, False, ((401, 401),)),
            target.parse('https://vip', pages),
        )

    def test_what_makes_no_sense(self):
        for text, why in (
            ('', 'it is empty'),
            ('a b', 'it is empty, or has a blank'),
            ('a\tb', 'it is empty, or has a blank'),
            ('http://caf\xe9/', 'a URL has other characters as %XX'),
            ('host:0', "'0' is no port"),
            ('host:99999', "'99999' is no port"),
            ('host:', "'' is no port"),
            ('host:http', "'http' is no port"),
            (':80', 'it names no host'),
            ('[fd00::5]', 'it names no port'),
            ('[fd00::5', 'it names no host'),
            ('fd00::5:x:80', 'it names no host'),
            ('http://', 'it names no host'),
            ('http://:80/', 'it names no host'),
            ('http://vip:0/', "'0' is no port"),
            ('http://[x]/', ''),
            ('http://me:secret@vip/', 'a user or a password would stand in'),
            ('ftp://vip/', "'ftp' is neither http nor https"),
            ('a@', 'it names no host'),
            ('@b', "'' is no name"),
            ('a..b@c', "'a..b' is no name"),
            ('me:secret@vip', "'me:secret' is no name"),
            ('a@b:70000', "'70000' is no port"),
        ):
            error = self.assertRaises(
                exceptions.RecordError, target.parse, text
            )
            self.assertIn(f'{text!r} is no target: ' + why, str(error))
            self.assertIn('A target is ADDRESS, HOST:PORT, ', str(error))

    def test_statuses(self):
        self.assertEqual(
            ((200, 200), (300, 399)), target.statuses('200,300-399')
        )
        for text in ('', '99', '200,', '200-', '600', 'x'):
            self.assertRaises(ValueError, target.statuses, text)
