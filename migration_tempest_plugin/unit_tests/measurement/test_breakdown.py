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
"""The parts of a downtime add up, within their bounds."""

import dataclasses
import json
import random

import testtools

from migration_tempest_plugin.measurement import Beat
from migration_tempest_plugin.measurement import break_down
from migration_tempest_plugin.measurement import Breakdown
from migration_tempest_plugin.measurement import Duration
from migration_tempest_plugin.measurement import GuestClock
from migration_tempest_plugin.measurement import Look
from migration_tempest_plugin.measurement import Probing
from migration_tempest_plugin.measurement import Progress
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.measurement import Timeline

#: In the tester's clock: the guest stops, runs again, the network is back,
#: the metadata service is back.
STOP, RUNS, NETWORK, METADATA = 5.0, 5.2, 5.6, 6.5


def timeline(what, begin, end, interval=0.01):
    """Down from begin to end, in a run of ten seconds."""
    moments = [number * interval for number in range(round(10 / interval))]
    return Timeline(
        what,
        'x',
        [
            Sample(moment, moment, not begin <= moment < end)
            for moment in moments
        ],
        interval,
        10.0,
        probing=Probing.INDEPENDENT,
    )


def clock(stop=STOP, runs=RUNS, network=NETWORK):
    """Beats as the guest answers them; those in the outage come late."""
    beats = []
    for number in range(400):
        sent = number * 0.025 + number * 0.618 % 1 * 0.01
        if stop <= sent < network:
            continue
        guest = sent + 0.0005 - (runs - stop if sent >= runs else 0)
        beats.append(Beat(sent, sent + 0.001, int(guest * 100) / 100))
    return GuestClock(beats)


class TestBreakDown(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.parts = break_down(
            network=timeline('network', STOP, NETWORK),
            tcp=timeline('tcp', STOP, NETWORK + 0.1),
            metadata=timeline('metadata', STOP, METADATA, 0.1),
            clock=clock(),
            progress=Progress(
                1.0,
                (
                    Look(2.0, 2.1, 'running', memory_processed=64 << 20),
                    Look(7.0, 7.1, 'completed'),
                ),
            ),
        )

    def assertHolds(self, truth, duration, width=0.05):
        self.assertLessEqual(duration.lower, truth)
        self.assertGreaterEqual(duration.upper, truth)
        self.assertLess(duration.upper - duration.lower, width)

    def test_parts(self):
        self.assertHolds(RUNS - STOP, self.parts.guest_stopped)
        self.assertHolds(NETWORK - STOP, self.parts.network)
        self.assertHolds(NETWORK - RUNS, self.parts.network_while_running)
        self.assertHolds(NETWORK + 0.1 - STOP, self.parts.tcp_stalled)
        self.assertHolds(METADATA - STOP, self.parts.metadata, 0.3)
        self.assertHolds(
            METADATA - NETWORK, self.parts.metadata_after_network, 0.3
        )

    def test_they_add_up(self):
        parts = self.parts
        self.assertLessEqual(parts.guest_stopped.lower, parts.network.upper)
        self.assertLessEqual(
            parts.network_after_stop.upper, parts.network_while_running.upper
        )
        whole = Duration.sum(
            [parts.guest_stopped, parts.network_while_running]
        )
        self.assertLessEqual(whole.lower, parts.network.upper)
        self.assertGreaterEqual(whole.upper, parts.network.lower)

    def test_after_the_stop(self):
        """No beat came in between: only its upper bound is known well."""
        after = self.parts.network_after_stop
        self.assertLessEqual(after.lower, NETWORK - RUNS)
        self.assertGreaterEqual(after.upper, NETWORK - RUNS)
        self.assertAlmostEqual(NETWORK - RUNS, after, delta=0.02)

    def test_an_outage_that_begins_long_after_the_stop(self):
        parts = break_down(
            network=timeline('network', 7.0, 7.5), clock=clock(5.0, 5.02, 5.02)
        )
        self.assertHolds(0.5, parts.network_after_stop, 0.06)
        self.assertHolds(0.5, parts.network_while_running, 0.06)

    def test_a_stop_that_the_network_did_not_show(self):
        """Its probes were answered late, but in time."""
        parts = break_down(
            network=timeline('network', 2.0, 2.1), clock=clock(5.0, 5.05, 5.05)
        )
        self.assertHolds(0.1, parts.network_while_running)
        self.assertEqual(0.0, parts.network_after_stop)
        self.assertAlmostEqual(0.01, parts.network_after_stop.upper)

    def test_storage(self):
        parts = break_down(
            network=timeline('network', 0, 0),
            storage=timeline('storage', 3.0, 3.41, 0.002),
        )
        self.assertHolds(0.41, parts.storage_stalled)
        self.assertRegex(
            parts.text(), r'; storage stalled for 0\.4\d\d s \(0\.4'
        )
        self.assertIsNone(self.parts.storage_stalled)
        self.assertNotIn('storage', self.parts.text())

    def test_what_was_not_seen(self):
        """It is told by its bound, which is the resolution."""
        parts = break_down(
            network=timeline('network', 0, 0),
            tcp=timeline('tcp', 0, 0),
            metadata=timeline('metadata', 0, 0, 0.3),
            clock=clock(5.0, 5.05, 5.05),
        )
        self.assertRegex(
            parts.text(),
            r'^network down for at most 0\.010 s, of which the '
            r'guest was stopped for 0\.0.* and unreachable for at most '
            r'0\.010 s after that; TCP stalled for at most 0\.010 s; no '
            r'metadata for at most 0\.300 s$',
        )
        self.assertAlmostEqual(0.01, parts.network_while_running.upper)
        self.assertIsNone(parts.metadata_after_network)

    def test_no_metadata_missed_after_the_network(self):
        for metadata in (
            timeline('metadata', 0, 0, 0.3),
            timeline('metadata', 2.1, 2.5, 0.3),
        ):
            parts = break_down(
                network=timeline('network', 5.0, 5.5), metadata=metadata
            )
            after = parts.metadata_after_network
            self.assertEqual(0.0, after)
            self.assertAlmostEqual(0.3, after.upper)

    def test_metadata_after_each_outage_of_the_network(self):
        def down(what, interval, *times):
            moments = [
                number * interval for number in range(round(10 / interval))
            ]
            return Timeline(
                what,
                'x',
                [
                    Sample(
                        moment,
                        moment,
                        not any(begin <= moment < end for begin, end in times),
                    )
                    for moment in moments
                ],
                interval,
                10.0,
                probing=Probing.INDEPENDENT,
            )

        parts = break_down(
            network=down(
                'network', 0.01, (1, 1.5), (4, 4.3), (4.8, 4.9), (9, 9.2)
            ),
            metadata=down(
                'metadata', 0.1, (0.3, 0.6), (1, 2), (4, 6), (7, 7.5)
            ),
        )
        # 0.5 s after the first, 1.6 s after and between the next two, and
        # all of what came later.
        self.assertHolds(2.6, parts.metadata_after_network, 0.7)

    def test_text(self):
        text = self.parts.text()
        self.assertRegex(
            text,
            r'^network down for 0\.6\d\d s \(.*\), of which the guest '
            r'was stopped for 0\.\d{3} s \(.*\) and unreachable for '
            r'0\.\d{3} s \(.*\) after that; TCP stalled for 0\.7.*; '
            r'no metadata for 1\.[45].*, 0\.\d+ s .* of it after the network '
            r'was back; 64 MiB of memory copied; running .* s$',
        )

    def test_what_libvirt_says(self):
        parts = break_down(clock=clock(), libvirt_downtime=0.198)
        self.assertRegex(
            parts.text(),
            r'^guest stopped for 0\.\d{3} s \(.*\); by libvirt '
            r'the guest was stopped for 0\.198 s$',
        )
        self.assertEqual(0.198, parts.to_dict()['libvirt_downtime'])
        self.assertIsNone(self.parts.to_dict()['libvirt_downtime'])

    def test_two_clocks_are_not_compared(self):
        metadata = dataclasses.replace(
            timeline('metadata', STOP, METADATA, 0.1), clock='guest'
        )
        parts = break_down(
            network=timeline('network', STOP, NETWORK), metadata=metadata
        )
        self.assertIsNone(parts.metadata_after_network)
        self.assertAlmostEqual(METADATA - STOP, parts.metadata, delta=0.1)

    def test_little_is_known(self):
        self.assertEqual('nothing was measured', break_down().text())
        self.assertRegex(
            break_down(clock=clock()).text(), '^guest stopped for 0'
        )
        self.assertRegex(
            break_down(network=timeline('network', 3, 4)).text(),
            '^network down for 1.000 s',
        )

    def test_to_dict_is_ready_for_json(self):
        recorded = json.loads(json.dumps(self.parts.to_dict(1.0)))
        self.assertEqual(
            'migration-tempest-plugin/breakdown', recorded['schema']
        )
        self.assertLess(recorded['guest_stopped']['lower'], 0.2)
        self.assertEqual(64 << 20, recorded['memory_copied'])
        self.assertIsNone(Breakdown().to_dict()['network'])


class Course:
    """What really happens in a run, made by chance, and how it is seen.

    One thing after another: each is an outage of the network that may have
    stops of the guest in it, or a short stop that no outage shows.

    :ivar down: begin and end of each outage
    :ivar stops: of each stop
    """

    #: Of a stop that no outage shows: shorter than any other.
    HIDDEN = 0.02

    def __init__(self, seed):
        self._chance = random.Random(seed)
        self.down, self.stops = [], []
        now = 1.0
        for _ in range(self._chance.randint(1, 8)):
            begin = now
            stops = self._chance.choice((0, 1, 1, 1, 2))
            if not stops and self._chance.random() < 0.4:
                now = self._stop(now, self.HIDDEN)
            else:
                now = self._wait(now)
                for _ in range(stops):
                    now = self._wait(self._stop(now, self._wait(0.0)))
                self.down.append((begin, now))
            now += self._chance.uniform(0.3, 1.5)
        self.ended = now

    def _wait(self, now):
        return now + self._chance.uniform(0.05, 0.4)

    def _stop(self, now, seconds):
        self.stops.append((now, now + seconds))
        return now + seconds

    @property
    def hidden(self):
        """The stops that no outage shows."""
        return [stop for stop in self.stops if not self._within(stop[0])]

    def _within(self, moment, what=None):
        return next(
            (
                each
                for each in (self.down if what is None else what)
                if each[0] <= moment < each[1]
            ),
            None,
        )

    @property
    def stopped(self):
        return sum(end - begin for begin, end in self.stops)

    @property
    def running(self):
        """For how long it was down while the guest ran."""
        return sum(self._ran(*each) for each in self.down)

    def _ran(self, begin, end):
        return (
            end
            - begin
            - sum(
                after - before
                for before, after in self.stops
                if begin <= before < end
            )
        )

    @property
    def after(self):
        """What of that came after a stop."""
        shown = [stop for stop in self.stops if stop not in self.hidden]
        [first, *_] = shown or self.stops
        found = 0.0
        for begin, end in self.down:
            own = [stop for stop in shown if begin <= stop[0] < end]
            resumed = (own or [first])[0][1]
            if own or resumed < begin:
                found += self._ran(max(begin, resumed), end)
        return found

    def network(self):
        """Probed each 10 ms; while the guest is stopped, answers wait."""
        samples = []
        for number in range(round(self.ended / 0.01)):
            moment = number * 0.01
            stop = self._within(moment, self.hidden)
            samples.append(
                Sample(
                    moment,
                    stop[1] if stop else moment,
                    not self._within(moment),
                )
            )
        return Timeline(
            'network',
            'x',
            samples,
            0.01,
            self.ended,
            probing=Probing.INDEPENDENT,
        )

    def clock(self):
        beats = []
        for number in range(round(self.ended / 0.02)):
            sent = number * 0.02 + self._chance.random() * 0.01
            if self._within(sent):
                continue
            stop = self._within(sent, self.stops)
            read = (stop[1] if stop else sent) + 0.0005
            uptime = read - sum(
                end - begin for begin, end in self.stops if end <= read
            )
            beats.append(Beat(sent, read + 0.0005, int(uptime * 100) / 100))
        return GuestClock(beats)


class CourseCase(testtools.TestCase):
    def assertHolds(self, truth, duration, course):
        self.assertTrue(
            duration.lower - 1e-6 <= truth <= duration.upper + 1e-6,
            f'{duration} does not hold {truth:.3f} s: down {course.down}, '
            f'stopped {course.stops}',
        )

    def assert_parts_hold(self, course):
        parts = break_down(network=course.network(), clock=course.clock())
        self.assertHolds(course.stopped, parts.guest_stopped, course)
        self.assertHolds(course.running, parts.network_while_running, course)
        self.assertHolds(course.after, parts.network_after_stop, course)


class TestAnyCourse(CourseCase):
    """Parts and whole, for any number of outages and stops."""

    def test_parts_hold_the_truth(self):
        stops = set()
        for seed in range(100):
            course = Course(seed)
            if not course.stops or not course.down:
                continue
            stops.add(len(course.stops))
            self.assert_parts_hold(course)
        self.assertGreater(len(stops), 5)

    def test_they_add_up(self):
        for seed in range(100):
            course = Course(seed)
            if not course.stops or not course.down:
                continue
            parts = break_down(network=course.network(), clock=course.clock())
            self.assertLessEqual(
                parts.network_after_stop.upper,
                parts.network_while_running.upper,
            )
            self.assertLessEqual(
                parts.network_after_stop, parts.network_while_running + 1e-6
            )
            if not course.hidden:
                self.assertLessEqual(
                    parts.guest_stopped.lower + parts.network_after_stop.lower,
                    parts.network.upper,
                )
                self.assertLessEqual(
                    parts.guest_stopped + parts.network_after_stop,
                    parts.network.upper + 0.03 * len(course.down),
                )


class TestLess(testtools.TestCase):
    def test_bounds(self):
        rest = Duration(0.5, 0.7).less(Duration(0.1, 0.3))
        self.assertAlmostEqual(0.2, rest.lower)
        self.assertAlmostEqual(0.6, rest.upper)
        self.assertAlmostEqual(0.4, rest)

    def test_never_below_nothing(self):
        rest = Duration(0.1, 0.2).less(Duration(0.1, 0.3))
        self.assertEqual(0.0, rest.lower)
        self.assertAlmostEqual(0.1, rest.upper)
        self.assertEqual(
            Duration(0, 0), Duration(0.1, 0.2).less(Duration(0.3, 0.4))
        )
