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

import threading

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.meters import network
from migration_tempest_plugin.running import metering
from migration_tempest_plugin.unit_tests.running import fakes


class FakeNetworkMeter(fakes.FakeMeter, network.NetDowntimeMeter):
    """It can be asked of a moment, as those of the network can."""

    def wait_until_up(self, timeout, since):
        super().wait_until_up(timeout)
        self._said.append((self.name, since))
        return 0.15

    def measurement(self, until):
        self._said.append((self.name, until))
        return super().measurement()


class TestMetering(testtools.TestCase):
    def meters(self, *names, down=()):
        self.said = []
        return [
            fakes.FakeMeter(name, self.said, name in down) for name in names
        ]

    def did(self, what):
        return [name for name, did in self.said if did == what]

    def test_what_takes_longest_is_set_up_first(self):
        """But the network comes first of all: it tells who is not there."""
        meters = self.meters(*'abcxyz')
        with metering.Metering({1: meters[:3], 2: meters[3:]}) as found:
            found.begin(
                {meter: number for number, meter in enumerate(meters, 1)}.get
            )
            done = ''.join(self.did('set up'))
            self.assertEqual('ax', done[:2])
            # Those in the guests, whatever the order of the guests.
            self.assertEqual(list('bcyz'), sorted(done[2:]))
            self.assertLess(done.index('c'), done.index('b'))
            self.assertLess(done.index('z'), done.index('y'))
            self.assertEqual(
                [
                    (name, f'up within {number} s')
                    for number, name in enumerate('abcxyz', 1)
                ],
                self.said[6:],
            )
            self.assertEqual(dict.fromkeys(meters, 0.25), found.baselines)
            self.assertEqual([], self.did('ended'))
        self.assertEqual(sorted('abcxyz'), sorted(self.did('ended')))

    def test_guests_side_by_side(self):
        """None has to wait until the others are set up, or have ended."""
        together = threading.Barrier(2)

        class Slow(fakes.FakeMeter):
            def __enter__(self):
                together.wait(20)
                return super().__enter__()

            def __exit__(self, *error):
                together.wait(20)
                return super().__exit__(*error)

        self.said = []
        network = [fakes.FakeMeter(name, self.said) for name in 'ax']
        slow = [Slow(name, self.said) for name in 'by']
        with metering.Metering(dict(zip((1, 2), zip(network, slow)))) as found:
            found.begin(lambda meter: 1)
        self.assertEqual(sorted('abxy'), sorted(self.did('ended')))

    def test_one_that_can_not_be_set_up(self):
        """The error is raised, and the meters of the others end."""

        class Broken(fakes.FakeMeter):
            def __enter__(self):
                raise exceptions.NoMeasurement('no room in the guest')

        self.said = []
        network = [fakes.FakeMeter(name, self.said) for name in 'ax']
        inside = [Broken('b', self.said), fakes.FakeMeter('y', self.said)]
        with metering.Metering(
            dict(zip((1, 2), zip(network, inside)))
        ) as found:
            error = self.assertRaises(
                exceptions.NoMeasurement, found.begin, lambda meter: 1
            )
        self.assertIn('no room in the guest', str(error))
        self.assertEqual(list('axy'), sorted(self.did('ended')))

    def test_one_that_is_never_up(self):
        """All of them end, and what there is can be read."""
        meters = self.meters(*'ab', down='a')
        with metering.Metering({'x': meters}) as found:
            self.assertRaises(
                exceptions.NoMeasurement, found.begin, lambda meter: 1
            )
            self.assertEqual(
                ['a', 'b'],
                [
                    timeline.target
                    for timeline in found.read(0)['x'].measurements
                ],
            )
        self.assertEqual(sorted('ab'), sorted(self.did('ended')))

    def test_read_since_the_baseline(self):
        [meter] = self.meters('a')
        with metering.Metering({'x': [meter]}) as found:
            found.begin(lambda meter: 1)
            read = found.read(0)['x']
        [timeline] = read.measurements
        self.assertEqual(
            [0.3, 0.4],
            [round(sample.start, 1) for sample in timeline.samples][:2],
        )
        self.assertIsNone(read.clock)
        self.assertIsNone(read.load)

    def test_those_of_the_network_wait_together(self):
        self.said = []
        meters = [FakeNetworkMeter(name, self.said) for name in 'abc']
        with metering.Metering(
            {meter.name: [meter] for meter in meters}
        ) as found:
            found.begin(lambda meter: 1)
            found.recover(0)
            read = found.read(0)
        self.assertEqual(dict.fromkeys(meters, 0.15), found.baselines)
        self.assertEqual(
            list('abc'), [read[name].measurements[0].target for name in 'abc']
        )
        self.assertEqual(0.2, read['c'].measurements[0].began)
        moments = {
            name: [did for each, did in self.said if each == name]
            for name in 'abc'
        }
        moments = [
            [each for each in did if isinstance(each, float)]
            for did in moments.values()
        ]
        # to be up, to recover, and to be read
        self.assertEqual(3, len(set(moments[0])))
        self.assertEqual([moments[0]] * 3, moments)

    def test_recover(self):
        meters = self.meters(*'ab', down='ab')
        with metering.Metering({'x': meters}) as found:
            found.recover(0)
        self.assertEqual(['a', 'b'], self.did('up within 1 s'))
