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
"""What is said beforehand of a server's live migrations."""

import dataclasses
import re

import testtools

from migration_tempest_plugin.starlingx import outlook
from migration_tempest_plugin.starlingx import settings
from migration_tempest_plugin.unit_tests.starlingx import fakes

ON = {settings.AUTO_CONVERGE: 'true'}
OFF = {settings.AUTO_CONVERGE: 'False'}


class TestHostOptions(testtools.TestCase):
    def found(self, stock=True, **options):
        return outlook.host_options('one', fakes.NovaConf(**options), stock)

    def test_values(self):
        for name, option, text, value, words in (
            (
                'auto_converge',
                'live_migration_permit_auto_converge',
                'True',
                True,
                'on',
            ),
            ('tunnel', 'live_migration_tunnelled', '0', False, 'off'),
            ('max_downtime', 'live_migration_downtime', '650', 650, '650 ms'),
            (
                'timeout',
                'live_migration_completion_timeout',
                '90',
                90,
                '90 s per GiB',
            ),
            (
                'timeout',
                'live_migration_completion_timeout',
                '0',
                0,
                'none',
            ),
        ):
            self.assertEqual(
                outlook.HostValue(value, words, 'nova.conf'),
                self.found(**{option: text}).values[name],
            )

    def test_what_is_not_in_there(self):
        self.assertEqual(
            {
                'auto_converge': 'off',
                'tunnel': 'off',
                'max_downtime': '500 ms',
                'timeout': '800 s per GiB',
            },
            {name: each.words for name, each in self.found().values.items()},
        )
        self.assertEqual(
            "Nova's default (live_migration_downtime)",
            self.found().values['max_downtime'].origin,
        )

    def test_starlingx_nova(self):
        """It has other defaults, and does not multiply."""
        values = self.found(
            stock=False, live_migration_completion_timeout='400'
        ).values
        self.assertEqual('400 s', values['timeout'].words)
        self.assertEqual('-', values['max_downtime'].words)

    def test_what_makes_no_sense(self):
        found = self.found(live_migration_downtime='half a second')
        self.assertTrue(found.described)
        self.assertEqual({}, found.values)
        [sentence] = found.unknown
        self.assertIn('nova.conf, [libvirt] live_migration_downtime', sentence)

    def test_nobody_describes_it(self):
        self.assertEqual(
            outlook.HostOptions('one', False),
            outlook.host_options('one', None),
        )


class TestOutlook(testtools.TestCase):
    HOST = outlook.host_options(
        'one',
        fakes.NovaConf(
            live_migration_permit_auto_converge='true',
            live_migration_tunnelled='false',
            live_migration_downtime='400',
            live_migration_completion_timeout='70',
        ),
    )

    def lines(self, host=HOST, heed=False, **sources):
        return outlook.outlook(
            settings.Sources(**sources),
            settings.Defaults(max_downtime=300, timeout=240),
            host,
            heed,
        )

    def rows(self, *arguments, **sources):
        return [
            tuple(re.split('  +', line))
            for line in self.lines(*arguments, **sources)
        ]

    def test_layout(self):
        self.assertEqual(
            [
                'auto-converge     on      metadata',
                'tunnelling        off     nova.conf',
                'maximum downtime  100 ms  flavor',
                "time-out          240 s   the policy's default (--timeout)",
            ],
            self.lines(metadata=ON, flavor={settings.MAX_DOWNTIME: '100'}),
        )

    def test_computes_that_heed(self):
        self.assertEqual(
            [
                ('auto-converge', 'off', 'metadata'),
                ('tunnelling', 'on', 'flavor'),
                ('maximum downtime', '400 ms', 'nova.conf'),
                ('time-out', '70 s per GiB', 'nova.conf'),
            ],
            self.rows(heed=True, metadata=OFF, flavor={settings.TUNNEL: 'on'}),
        )

    def test_host_that_nobody_describes(self):
        host = outlook.HostOptions('one')
        self.assertEqual(
            [
                ('auto-converge', '-', 'nova.conf'),
                ('tunnelling', '-', 'nova.conf'),
                ('maximum downtime', '-', 'nova.conf'),
                ('time-out', '150 s', 'image'),
            ],
            self.rows(host, heed=True, image={settings.IMAGE_TIMEOUT: '150'}),
        )
        self.assertEqual(
            [
                ('maximum downtime', '-', 'nova.conf'),
                ('time-out', '240 s', "the policy's default (--timeout)"),
            ],
            self.rows(host)[2:],
        )

    def test_policy_that_reaches_the_host(self):
        self.assertEqual(
            (
                'maximum downtime',
                '300 ms',
                "the policy's default (--max-downtime)",
            ),
            self.rows()[2],
        )

    def test_what_else_is_told(self):
        host = dataclasses.replace(self.HOST, unknown=('it is shut',))
        self.assertEqual(
            [
                (
                    "hw:wrs:live_migration_timeout of the flavor is 'never', "
                    'which is not a whole number: it is ignored'
                ),
                'the volume is not known',
                'it is shut',
            ],
            self.lines(
                host,
                flavor={settings.TIMEOUT: 'never'},
                unknown=('the volume is not known',),
            )[4:],
        )

    def test_nobody_would_heed(self):
        """What the policy can't do, unless the host does it anyway."""
        tunnel = 'tunnelling on (it is an option of the host)'
        busy = 'QEMU takes no capability while it copies'
        unknown = 'two is not among [migration-hosts] computes'
        other = outlook.HostOptions('two')
        for metadata, host, said in (
            ({settings.TUNNEL: 'y'}, self.HOST, tunnel),
            ({settings.TUNNEL: 'n'}, self.HOST, None),
            (ON, self.HOST, None),
            (OFF, self.HOST, None),
            (ON, other, f'auto-converge on ({busy})'),
            (OFF, other, f'auto-converge off ({unknown})'),
            (
                {**ON, settings.TUNNEL: 'y'},
                other,
                f'auto-converge on ({busy}); {tunnel}',
            ),
            (
                {settings.MAX_DOWNTIME: '130'},
                other,
                f'maximum downtime 130 ms ({unknown})',
            ),
            ({settings.MAX_DOWNTIME: '130'}, self.HOST, None),
            ({settings.TIMEOUT: '130'}, other, None),
            (
                {settings.MAX_DOWNTIME: '130'},
                outlook.HostOptions(''),
                (
                    'maximum downtime 130 ms (its host is not among '
                    '[migration-hosts] computes)'
                ),
            ),
        ):
            self.assertEqual(
                [f'nobody would heed: {said}'] if said else [],
                self.lines(host, metadata=metadata)[4:],
            )
            self.assertEqual(
                4, len(self.lines(host, heed=True, metadata=metadata))
            )
