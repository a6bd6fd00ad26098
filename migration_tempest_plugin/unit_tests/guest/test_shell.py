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
import logging
import shlex
import threading

import fixtures
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.unit_tests.guest import fake_guest

Guest = fake_guest.Guest


class TestGuestScript(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))

    def script(self, guest, *arguments):
        return shell.GuestScript(guest, 'metadata_probe', arguments, 60)

    def started(self, guest):
        script = self.script(guest)
        script.start()
        return script

    def test_start(self):
        guest = Guest()
        script = self.script(guest, 'http://x/a b', '0.20')
        script.start()
        self.assertEqual([['metadata_probe']], guest.words('place'))
        text = shell.read_script('metadata_probe')
        self.assertEqual(
            [
                [
                    '/tmp/metadata_probe.X1',
                    str(len(text)),
                    'http://x/a b',
                    '0.20',
                ]
            ],
            guest.words('start'),
        )
        self.assertEqual('/tmp/metadata_probe.X1', script.directory)
        self.assertEqual('1aef2ac4', script.boot_id)
        self.assertEqual(fake_guest.HEADER, script.header)

    def test_sends_the_whole_script(self):
        guest = Guest()
        self.started(guest)
        pieces = [
            shlex.split(sent) for sent in guest.sent if sent.startswith('{')
        ]
        self.assertEqual(
            {'>>/tmp/metadata_probe.X1/script;'},
            {words[4] for words in pieces},
        )
        self.assertEqual(
            shell.read_script('metadata_probe'),
            ''.join(words[3] for words in pieces),
        )

    def test_no_command_is_too_long_for_dropbear(self):
        guest = Guest()
        script = self.started(guest)
        script.read()
        script.stop()
        self.assertLess(
            max(len(sent) for sent in guest.sent), shell.MAX_COMMAND
        )

    def test_state(self):
        guest = Guest()
        script = self.started(guest)
        self.assertEqual(
            shell.State(
                alive=True,
                present=True,
                boot_id='1aef2ac4',
                uptime=12.61,
                now='1 3 ok 12.40 3 12.40 0 3    ;',
            ),
            script.state(),
        )
        self.assertEqual(
            [['/tmp/metadata_probe.X1', '1aef2ac4', '17', '4711']],
            guest.words('state'),
        )

    def test_state_of_several_lanes(self):
        guest = Guest(state=fake_guest.state(now='1 a ;\n2 b ;', log=None))
        self.assertEqual('1 a ;\n2 b ;', self.started(guest).state().now)

    def test_processor_time(self):
        guest = Guest(
            state=fake_guest.state(cpu='51', log=None),
            start=fake_guest.START.replace('100', '250')
            + f'header {fake_guest.HEADER}\n',
        )
        self.assertEqual(0.204, self.started(guest).state().cpu)

    def test_read_keeps_the_log_as_it_is(self):
        self.assertEqual(fake_guest.LOG, self.started(Guest()).read().log)

    def test_read_of_an_empty_log(self):
        guest = Guest(read=fake_guest.state(log=''))
        self.assertEqual('', self.started(guest).read().log)

    def test_what_the_guest_refuses(self):
        guest = Guest(start='error only 12 of 99 bytes arrived\n')
        error = self.assertRaises(
            exceptions.GuestError, self.script(guest).start
        )
        self.assertEqual(
            'metadata_probe: the guest could not start it: only '
            '12 of 99 bytes arrived',
            str(error),
        )

    def test_unreachable(self):
        guest = Guest(read=OSError('no route to host'))
        error = self.assertRaises(
            exceptions.GuestError, self.started(guest).read
        )
        self.assertEqual(
            'metadata_probe: the guest could not be asked over '
            'SSH: OSError: no route to host',
            str(error),
        )

    def test_answer_cut_short(self):
        guest = Guest()
        script = self.started(guest)
        guest.exec_command = lambda command: 'alive yes\n'
        error = self.assertRaises(exceptions.GuestError, script.state)
        self.assertIn('cut short', str(error))

    def test_answer_without_sense(self):
        for answer in ('', fake_guest.state(uptime='soon')):
            script = self.started(Guest(state=answer))
            error = self.assertRaises(exceptions.GuestError, script.state)
            self.assertIn('makes no sense', str(error))

    def test_stop(self):
        guest = Guest()
        script = self.started(guest)
        self.assertEqual(fake_guest.LOG, script.stop().log)
        self.assertIsNone(script.stop())
        self.assertEqual(1, len(guest.words('stop')))
        self.assertNotIn('Could not', self.log.output)

    def test_stop_before_anything_was_placed(self):
        guest = Guest(place='error no space left\n')
        script = self.script(guest)
        self.assertRaises(exceptions.GuestError, script.start)
        self.assertIsNone(script.stop())
        self.assertEqual([], guest.words('stop'))

    def test_stop_after_a_failed_start_names_no_process(self):
        guest = Guest(start='error no\n')
        script = self.script(guest)
        self.assertRaises(exceptions.GuestError, script.start)
        script.stop()
        self.assertEqual(
            [['/tmp/metadata_probe.X1', '', '0', '0']], guest.words('stop')
        )

    def test_stop_of_an_unreachable_guest_warns(self):
        script = self.started(Guest(stop=OSError('no route to host')))
        self.assertIsNone(script.stop())
        self.assertIn(
            'Could not clean up metadata_probe in the guest (process 17, '
            'directory /tmp/metadata_probe.X1), which ends by itself 60 s '
            'after its start',
            self.log.output,
        )
        self.assertIn('no route to host', self.log.output)

    def test_stop_waits_no_longer_than_told(self):
        guest = Guest()
        script = self.started(guest)
        release = threading.Event()
        self.addCleanup(release.set)
        guest.exec_command = lambda command: release.wait(60)
        self.assertIsNone(script.stop(deadline=0.05))
        self.assertIn('no answer within 0.05 s', self.log.output)

    def test_stop_says_what_is_left(self):
        guest = Guest(stop=fake_guest.state() + 'left processes 17 18\n')
        self.assertIsNotNone(self.started(guest).stop())
        self.assertIn('left there: processes 17 18', self.log.output)


class TestReadScript(testtools.TestCase):
    def test_leaves_out_what_no_shell_needs(self):
        for name in ('control', 'metadata_probe'):
            text = shell.read_script(name)
            self.assertNotIn('Licensed', text)
            for line in text.splitlines():
                self.assertNotIn(line[:1], ('', ' ', '#'))
            self.assertTrue(text.endswith('\n'))

    def test_pieces_are_whole_lines(self):
        text = "echo 'a'\n" * 10
        pieces = list(shell._pieces(text, 60))
        self.assertGreater(len(pieces), 1)
        self.assertEqual(text, ''.join(pieces))
        for piece in pieces:
            self.assertLessEqual(len(shlex.quote(piece)), 60)
            self.assertTrue(piece.endswith('\n'))


class TestNamed(testtools.TestCase):
    def test(self):
        self.assertEqual(
            {'file': '/mnt/a', 'options': 'rw,size=4k'},
            shell.named('writer 1 file=/mnt/a options=rw,size=4k'),
        )
        self.assertEqual({}, shell.named(''))
