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
"""Lines of services' logs, as they are written by default and by DevStack."""

import datetime

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import logs

SERVER = '6016c42e-15c5-4d55-9567-1df1d90bdbaf'


class TestParse(testtools.TestCase):
    def test_a_file(self):
        self.assertEqual(
            [
                logs.Line(
                    '2026-11-21 08:33:11.616',
                    'INFO',
                    'nova.virt.libvirt.migration',
                    SERVER,
                    'Increasing downtime to 50 ms after 0 sec elapsed time',
                )
            ],
            logs.parse(
                '2026-11-21 08:33:11.616 89 INFO nova.virt.libvirt.migration '
                '[None req-1dd8cd03-84bc c21a9d17 9c12f43f - - default '
                f'default] [instance: {SERVER}] Increasing downtime to 50 ms '
                'after 0 sec elapsed time\n'
            ),
        )

    def test_the_journal_of_devstack(self):
        self.assertEqual(
            [
                logs.Line(
                    '2026-11-21T08:33:11.616123+0000',
                    'WARNING',
                    'nova.compute.manager',
                    SERVER,
                    'VM Paused (Lifecycle Event)',
                )
            ],
            logs.parse(
                '2026-11-21T08:33:11.616123+0000 host nova-compute[89]: '
                '\x1b[00;33mWARNING nova.compute.manager [\x1b[01;36mNone '
                'req-1 \x1b[00;36mdemo demo\x1b[00;33m] \x1b[01;35m[instance: '
                f'{SERVER}] \x1b[00;33mVM Paused (Lifecycle Event)\x1b[00m'
            ),
        )

    def test_no_server_and_no_request(self):
        (line,) = logs.parse(
            '2026-11-21 08:33:06.287 89 ERROR nova.service [-]'
            ' Not [instance: this]'
        )
        self.assertEqual(
            (None, 'Not [instance: this]'), (line.instance, line.message)
        )

    def test_a_traceback_of_a_server(self):
        """Its lines have no context; the server is none."""
        [line] = logs.parse(
            '2026-11-27 12:17:09.655 369 ERROR nova.compute.manager '
            f'[instance: {SERVER}] libvirt.libvirtError: operation aborted\n'
            '2026-11-27 12:17:09.655 369 ERROR nova.compute.manager Traceback '
            '(most recent call last):\n'
        )
        self.assertEqual(
            (SERVER, 'libvirt.libvirtError: operation aborted'),
            (line.instance, line.message),
        )

    def test_only_a_new_line_ends_a_line(self):
        for mark in '\f', '\x1c', '\x85', '\u2028', '\0':
            [line] = logs.parse(
                f'2026-11-21 08:33:06.287 89 INFO nova.x [-] a{mark}b\n'
            )
            self.assertEqual(f'a{mark}b', line.message)

    def test_time(self):
        def time(stamp):
            return logs.Line(stamp, 'INFO', 'x', None, '').time

        self.assertEqual(
            datetime.datetime(2026, 11, 21, 8, 33, 11, 616000),
            time('2026-11-21 08:33:11.616'),
        )
        self.assertEqual(
            time('2026-11-21 08:33:11.616'), time('2026-11-21 08:33:11,616')
        )
        utc = datetime.datetime(
            2026, 11, 21, 8, 33, 11, tzinfo=datetime.timezone.utc
        )
        for stamp in (
            '2026-11-21T08:33:11+0000',
            '2026-11-21T10:33:11+02:00',
            '2026-11-21T10:33:11.0+0200',
        ):
            self.assertEqual(utc, time(stamp))
        self.assertRaises(ValueError, time, '')

    def test_what_is_no_line(self):
        self.assertEqual(
            [],
            logs.parse(
                '\nTraceback (most recent call last):\n'
                '  File "x.py", line 1, in <module>\nModules with known '
                'eventlet '
                'monkey patching issues were imported\n'
            ),
        )


class Journalctl:
    """A host that answers as journalctl does."""

    name = 'compute1'

    def __init__(self, answer):
        self.answer = answer

    def run(self, *words):
        self.asked = words
        return self.answer


class TestJournal(testtools.TestCase):
    def test_mark(self):
        host = Journalctl('-- cursor: s=0639;i=dbc\n')
        journal = logs.Journal(host, 'devstack@n-cpu')
        self.assertEqual('s=0639;i=dbc', journal.mark())
        self.assertIn('devstack@n-cpu', host.asked)

    def test_no_mark(self):
        error = self.assertRaises(
            exceptions.HostError,
            logs.Journal(Journalctl('No entries\n'), 'n-cpu').mark,
        )
        self.assertIn(
            'compute1: journalctl --unit n-cpu: gave no cursor: No entries',
            str(error),
        )

    def test_another_format(self):
        for text, words in (
            (
                (
                    '2026-11-21T08:33:11.616+0000 host nova-compute[89]: '
                    '{"message": "VM Paused"}\n'
                ),
                'in JSON',
            ),
            (
                (
                    '2026-11-21T08:33:11.616+0000 host nova-compute[89]: VM '
                    'Paused\n'
                ),
                'none of the lines that were read (1) is as oslo.log',
            ),
        ):
            error = self.assertRaises(
                exceptions.HostError,
                logs.Journal(
                    Journalctl(text + '-- cursor: s=1\n'), 'n-cpu'
                ).mark,
            )
            self.assertIn(words, str(error))

    def test_json_in_a_message(self):
        """What Nova logs of Placement's answer is text all the same."""
        for prefix in ('', '2026-11-28T11:57:47.270+0000 host nova[130]: '):
            text = (
                f'{prefix}2026-11-28 11:57:47.270 130 ERROR '
                'nova.scheduler.client.report [None req-a295fbc2 - - - - - -] '
                "[req-7e25cdfa] Failed to update inventory to [{'VCPU': "
                "{'total': 2}}] for resource provider with UUID 5. Got 409: "
                '{"errors": [{"status": 409, "title": "Conflict"}]}\n'
            )
            host = Journalctl(text + '-- cursor: s=1\n')
            self.assertEqual('s=1', logs.Journal(host, 'n-cpu').mark())

    def test_since(self):
        line = (
            '2026-11-21T08:33:11.616000+0000 host nova-compute[89]: INFO '
            'nova.compute.manager [-] [instance: %s] VM Paused\n'
        )
        other = '0' * 8 + SERVER[8:]
        host = Journalctl(line % SERVER + line % other)
        journal = logs.Journal(host, 'n-cpu')
        self.assertEqual(
            [SERVER, other], [each.instance for each in journal.since('s=1')]
        )
        self.assertEqual(
            [SERVER], [each.instance for each in journal.since('s=1', SERVER)]
        )
        self.assertEqual(
            's=1', host.asked[host.asked.index('--after-cursor') + 1]
        )
