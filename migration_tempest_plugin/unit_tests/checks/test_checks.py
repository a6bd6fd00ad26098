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
"""What the checks of a guest make of what the guest says."""

import errno
import socket
import testtools

from migration_tempest_plugin import checks
from migration_tempest_plugin.checks import clock
from migration_tempest_plugin.checks import storage
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import writer


class Guest:
    """A client that answers each question to look.sh, by its first word."""

    def __init__(self, **answers):
        self.answers = answers

    def exec_command(self, command):
        # sh -c 'TEXT' look WORD ...
        word = command.rpartition(' look ')[2].split()[0]
        answer = self.answers[word]
        return (
            answer.pop(0) if isinstance(answer, list) else answer
        ) + '\ncomplete'


class TestMemory(testtools.TestCase):
    def check(self, digest):
        return self.useFixture(
            checks.MemoryCheck(
                Guest(
                    fill='file /dev/shm/pattern.1/pattern\ndigest abc',
                    digest=digest,
                    remove='',
                )
            )
        )

    def test_the_same(self):
        self.assertEqual(
            '8 MiB of random bytes are what they were',
            self.check('digest abc').verify(),
        )

    def test_another(self):
        error = self.assertRaises(
            exceptions.CheckFailed, self.check('digest def').verify
        )
        self.assertIn('is def, and was abc', str(error))
        self.assertEqual('memory', error.check)

    def test_gone(self):
        self.assertRaises(
            exceptions.GuestError, self.check('error it is gone').verify
        )

    def test_no_room(self):
        check = checks.MemoryCheck(Guest(fill='error no room'))
        self.assertRaises(testtools.MultipleExceptions, check.setUp)


class TestNetwork(testtools.TestCase):
    ADDRESSES = (
        'addresses 00:00:00:00:00:00,127.0.0.1 '
        'FA:16:3e:01:02:03,10.0.0.5 fa:16:3e:01:02:03,fd00::5'
    )

    LOST = 'answered no\nsaid 100% packet loss'

    def check(self, addresses=None, ping='answered yes', **more):
        return checks.NetworkCheck(
            Guest(addresses=addresses or self.ADDRESSES, ping=ping),
            {'fa:16:3e:01:02:03': ['10.0.0.5', 'fd00:0::5']},
            '192.0.2.1',
            **more,
        )

    def test_all_is_well(self):
        check = self.useFixture(self.check(neighbours=['10.0.0.6']))
        self.assertEqual(
            'it is reached, reaches 192.0.2.1, 10.0.0.6, and has 2 addresses',
            check.verify(),
        )

    def test_an_address_is_missing(self):
        error = self.assertRaises(
            exceptions.CheckFailed,
            self.check(self.ADDRESSES.replace('fd00::5', 'fd00::6')).verify,
        )
        self.assertIn('does not have fd00:0::5', str(error))

    def test_it_is_on_another_interface(self):
        self.assertRaises(
            exceptions.CheckFailed,
            self.check(self.ADDRESSES.replace('03,fd', '04,fd')).verify,
        )

    def test_a_neighbour_is_out_of_reach(self):
        error = self.assertRaises(
            exceptions.CheckFailed,
            self.check(
                ping=['answered yes', *[self.LOST] * 3],
                neighbours=['10.0.0.6'],
            ).verify,
        )
        self.assertIn(
            'does not reach 10.0.0.6, of 3 attempts: 100% packet loss',
            str(error),
        )

    def test_a_packet_is_lost(self):
        self.check(ping=[self.LOST, self.LOST, 'answered yes']).verify()


class TestClockLook(testtools.TestCase):
    def test_bounds(self):
        look = clock.Look.parse('1000.500 0 kvm-clock', 10.0, 10.2)
        self.assertAlmostEqual(990.3, look.low)
        self.assertAlmostEqual(990.5, look.high)
        self.assertEqual('kvm-clock', look.source)

    def test_whole_seconds(self):
        look = clock.Look.parse('1000 1 tsc', 10.0, 10.2)
        self.assertAlmostEqual(1.2, look.high - look.low)

    def test_nonsense(self):
        for text in ('', '1 2', 'a b c', '1000 0 tsc more'):
            self.assertRaises(
                exceptions.GuestError, clock.Look.parse, text, 1.0, 2.0
            )


class TestClock(testtools.TestCase):
    def verify(self, before, after, allowed=1.0):
        check = checks.ClockCheck(None, allowed)
        looks = [before, after]
        check._look = lambda: looks.pop(0)
        self.useFixture(check)
        return check.verify()

    def look(self, moment, offset, source='tsc', width=0.1):
        return clock.Look(moment, offset, offset + width, source)

    def test_it_goes_on(self):
        said = self.verify(self.look(0, 100), self.look(60, 99.9))
        self.assertIn('moved by -0.100 s', said)

    def test_it_stood(self):
        error = self.assertRaises(
            exceptions.CheckFailed,
            self.verify,
            self.look(0, 100),
            self.look(60, 95),
        )
        self.assertIn('moved by -5.000 s', str(error))

    def test_it_is_early(self):
        self.assertRaises(
            exceptions.CheckFailed,
            self.verify,
            self.look(0, 100),
            self.look(60, 105),
        )

    def test_another_source(self):
        error = self.assertRaises(
            exceptions.CheckFailed,
            self.verify,
            self.look(0, 100),
            self.look(60, 100, 'jiffies'),
        )
        self.assertIn('jiffies, and was tsc', str(error))

    def test_it_is_not_known(self):
        said = self.verify(
            self.look(0, 100, width=2), self.look(60, 100, width=2)
        )
        self.assertIn('not known well enough', said)


def records(*tokens):
    return [
        writer.Record(number, token, number, number + 0.01)
        for number, token in enumerate(tokens, 1)
    ]


class TestStorageRecords(testtools.TestCase):
    def test_a_line(self):
        self.assertEqual(
            writer.Record(3, 'ab-c', 1.5, 1.75, 0.21),
            writer.Record.parse('3 ab-c 1.50 1.75 21'),
        )

    def test_half_a_line(self):
        self.assertRaises(ValueError, writer.Record.parse, '3 ab-c 1.5 1.75')

    def test_longest_stall(self):
        told = [*records('a', 'b'), writer.Record(3, 'c', 3.0, 4.5)]
        self.assertEqual(1.5, storage.longest_stall(told))

    def test_out_of_order(self):
        one, two, three = records('a', 'b', 'c')
        self.assertEqual([], storage._complaints([one, two, three]))
        self.assertEqual(
            ['record 3 was reported after record 1'],
            storage._complaints([one, three]),
        )


class TestStorageDifferences(testtools.TestCase):
    def differences(self, told, log):
        return storage._differences(told, storage._places(log))

    def test_none(self):
        self.assertEqual(
            [], self.differences(records('a', 'b'), '0 empty\n1 1 a\n2 2 b')
        )

    def test_the_next_one_is_being_written(self):
        self.assertEqual(
            [],
            self.differences(
                records('a', 'b'), '0 empty\n1 1 a\n2 2 b\n3 torn 5 000'
            ),
        )

    def test_torn(self):
        self.assertEqual(
            ['record 2 (b) is torn 13 0000000002 X'],
            self.differences(
                records('a', 'b'), '1 1 a\n2 torn 13 0000000002 X'
            ),
        )

    def test_lost(self):
        for log in ('1 1 a\n2 empty', '1 1 a'):
            [wrong] = self.differences(records('a', 'b'), log)
            self.assertRegex(wrong, r'record 2 \(b\) is (empty|missing)')

    def test_written_by_another_one(self):
        [wrong] = self.differences(records('a', 'b'), '1 1 a\n2 2 z')
        self.assertIn('reported with b, and the disk has 2 z', wrong)
        self.assertIn('ran twice', wrong)

    def test_a_place_that_was_needed_again(self):
        told = [
            writer.Record(number, f't{number}', 0, 0)
            for number in range(1, writer.RECORDS + 3)
        ]
        log = [
            f'{number % writer.RECORDS} {number} t{number}'
            for number in range(3, writer.RECORDS + 3)
        ]
        self.assertEqual([], self.differences(told, '\n'.join(log)))


class TestPorts(testtools.TestCase):
    """With the machine's own loopback for a guest."""

    def closed(self):
        """A port that is never answered: its backlog is full."""
        listening = socket.socket()
        self.addCleanup(listening.close)
        listening.bind(('127.0.0.1', 0))
        listening.listen(0)
        address = listening.getsockname()
        for _ in range(4):
            filler = socket.socket()
            self.addCleanup(filler.close)
            filler.setblocking(False)
            self.assertIn(filler.connect_ex(address), (0, errno.EINPROGRESS))
        return address[1]

    def refusing(self):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            return free.getsockname()[1]

    def test_as_they_should_be(self):
        check = self.useFixture(
            checks.PortCheck(
                '127.0.0.1',
                self.refusing(),
                self.closed(),
                interval=0.01,
                deadline=0.1,
            )
        )
        self.assertRegex(
            check.verify(), r'answered \d+ of \d+ attempts, .* none of [1-9]'
        )

    def test_the_closed_one_is_open(self):
        check = checks.PortCheck(
            '127.0.0.1', self.refusing(), self.refusing(), 0.01, 0.1
        )
        error = self.assertRaises(testtools.MultipleExceptions, check.setUp)
        self.assertIn(
            'closed by its security groups, and answered',
            str(error.args[0][1]),
        )

    def test_the_open_one_is_closed(self):
        check = checks.PortCheck(
            '127.0.0.1', self.closed(), self.closed(), 0.01, 0.1
        )
        error = self.assertRaises(testtools.MultipleExceptions, check.setUp)
        self.assertIn(
            'open by its security groups, and does not answer: ETIMEDOUT',
            str(error.args[0][1]),
        )
