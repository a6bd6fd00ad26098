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
"""The settings of a migration, in words and in JSON."""

import json

import testscenarios
import testtools

from migration_tempest_plugin.measurement import setting
from migration_tempest_plugin.measurement import Setting

CONVERGES = Setting('auto_converge', True, 'metadata')
TUNNELS = Setting('tunnel', False, 'flavor')
DOWNTIME = Setting('max_downtime', 140, 'image')
TIMEOUT = Setting('timeout', 0, 'flavor')


def of_host(*names):
    return [Setting(name, None, setting.HOST) for name in names]


class TestText(testscenarios.WithScenarios, testtools.TestCase):
    scenarios = [
        (text, {'setting': Setting(*fields), 'text': text})
        for fields, text in (
            (('auto_converge', True, 'flavor'), 'auto-converge on (flavor)'),
            (
                ('auto_converge', False, 'metadata'),
                'auto-converge off (metadata)',
            ),
            (('tunnel', True, 'metadata'), 'tunnelling on (metadata)'),
            (('tunnel', False, 'nova.conf'), 'tunnelling off (nova.conf)'),
            (
                ('max_downtime', 725, 'metadata'),
                'maximum downtime 725 ms (metadata)',
            ),
            (('timeout', 640, 'image'), 'time-out 640 s (image)'),
            (('timeout', 0, 'metadata'), 'time-out none (metadata)'),
        )
    ]

    def test(self):
        self.assertEqual(self.text, self.setting.text())


class TestInWords(testscenarios.WithScenarios, testtools.TestCase):
    scenarios = [
        (expected or 'nothing', {'settings': settings, 'expected': expected})
        for settings, expected in (
            ([], ''),
            (
                of_host('auto_converge', 'tunnel', 'max_downtime', 'timeout'),
                'all as nova.conf has it',
            ),
            (
                [CONVERGES, *of_host('tunnel'), DOWNTIME, *of_host('timeout')],
                (
                    'auto-converge on (metadata), maximum downtime 140 ms '
                    '(image), the rest as nova.conf has it'
                ),
            ),
            # what is off, or 0, is said all the same
            (
                [*of_host('auto_converge'), TUNNELS, TIMEOUT],
                (
                    'tunnelling off (flavor), time-out none (flavor), the '
                    'rest as nova.conf has it'
                ),
            ),
            (
                [CONVERGES, TUNNELS, DOWNTIME, TIMEOUT],
                (
                    'auto-converge on (metadata), tunnelling off (flavor), '
                    'maximum downtime 140 ms (image), time-out none (flavor)'
                ),
            ),
        )
    ]

    def test(self):
        self.assertEqual(self.expected, setting.in_words(self.settings))
        self.assertEqual(self.expected, setting.in_words(iter(self.settings)))


class TestDict(testtools.TestCase):
    def test_there_and_back(self):
        for each in (
            CONVERGES,
            TUNNELS,
            DOWNTIME,
            TIMEOUT,
            *of_host('timeout'),
        ):
            written = json.loads(json.dumps(each.to_dict()))
            self.assertEqual({'name', 'value', 'origin'}, set(written))
            again = Setting.from_dict({**written, 'later': 'unknown here'})
            self.assertEqual(each, again)
            # 0 is not False: one is seconds, the other "off"
            self.assertIs(type(each.value), type(again.value))
