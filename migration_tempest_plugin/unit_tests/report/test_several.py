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
"""Several migrations side by side."""

import testtools

from migration_tempest_plugin.report import several


def migration(server, seconds=None, queued=None):
    """A recorded one with a network downtime, or without a measurement."""
    measurement = (
        {'no_measurement': 'dead'}
        if seconds is None
        else {'what': 'network', 'total': exactly(seconds), 'outages': [{}]}
    )
    return {
        'server': server,
        'source': 'a',
        'destination': 'b',
        'measurements': [measurement],
        'guest_clock': seconds and {'stopped': exactly(seconds / 2)},
        'progress': {'queued': queued and exactly(queued)},
    }


def unseen(server, resolution):
    """A recorded one without any outage, as older ones are."""
    measured = migration(server)
    measured['measurements'] = [
        {
            'what': 'metadata',
            'total': exactly(0.0),
            'outages': [],
            'resolution': resolution,
        }
    ]
    return measured


def exactly(seconds):
    return dict.fromkeys(('estimate', 'lower', 'upper'), seconds)


class TestSpreadOfWatches(testtools.TestCase):
    def test_targets_of_a_watch_are_measured_in_different_ways(self):
        pinged, asked = migration('a', 0.1), migration('b', 0.2)
        asked['measurements'][0]['what'] = 'http'
        for kind, said in (('watch', 'of 1'), ('live', 'of 1; 1 without a')):
            for each in (pinged, asked):
                each['kind'] = kind
                each['guest_clock'] = None
            for line in several.spread([pinged, asked]):
                self.assertIn(said, line)
                self.assertEqual(kind == 'watch', line.endswith('of 1'))

    def test_a_target_that_was_lost(self):
        lost = {**migration('b'), 'kind': 'watch'}
        pinged = {**migration('a', 0.1), 'kind': 'watch'}
        [ping, _] = several.spread([pinged, lost])
        self.assertIn('of 1; 1 without a measurement', ping)


class TestTable(testtools.TestCase):
    def test_the_worst_comes_first(self):
        lines = several.table(
            [
                migration('little', 0.1),
                migration('most', 0.9),
                migration('some', 0.5),
            ]
        ).splitlines()
        self.assertEqual(
            ['most', 'some', 'little'], [line.split()[0] for line in lines[:3]]
        )

    def test_none_is_worse_than_any(self):
        lines = several.table(
            [migration('away', 60.0), migration('nobody knows')]
        ).splitlines()
        self.assertEqual('nobody knows  a -> b  NO MEASUREMENT', lines[0])

    def test_a_line(self):
        [line, *_] = several.table([migration('one', 0.2, 4.0)]).splitlines()
        self.assertEqual(
            'one  a -> b  network 0.200 s, '
            'guest stopped 0.100 s, queued 4.000 s',
            line,
        )

    def test_what_was_not_seen(self):
        [line, _] = several.table([unseen('one', 1.206)]).splitlines()
        self.assertEqual('one  a -> b  metadata at most 1.206 s', line)


class TestSpread(testtools.TestCase):
    def test_what_was_not_seen(self):
        [line] = several.spread([unseen('a', 1.2), unseen('b', 1.4)])
        self.assertEqual(
            'metadata         min at most 1.200, median at most 1.300, 95% '
            'at most 1.390, max at most 1.400 s, of 2',
            line,
        )

    def test_each_quantity(self):
        lines = list(
            several.spread(
                [migration('a', 0.1), migration('b', 0.3), migration('c', 0.2)]
            )
        )
        self.assertEqual(
            ['network', 'guest'], [line.split()[0] for line in lines]
        )
        self.assertIn(
            'min 0.100, median 0.200, 95% 0.290, max 0.300 s, of 3', lines[0]
        )

    def test_what_is_missing_is_told(self):
        [network, _] = several.spread([migration('a', 0.1), migration('b')])
        self.assertIn('of 1; 1 without a measurement', network)

    def test_nothing_measured(self):
        self.assertEqual([], list(several.spread([migration('a')])))
