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
"""Recorded migrations, made by the model itself."""

import copy
import io
import json

import subunit
import testtools
from testtools import content
from testtools import content_type

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import Beat
from migration_tempest_plugin.measurement import Look
from migration_tempest_plugin.measurement import Sample
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import streams

LIMIT = measurement.Limit('network', 'allowed_network_downtime', 0.5)
#: Finer than the resolution of what is made here, of which it is told alone.
TOO_FINE = measurement.Limit(
    'network', 'allowed_network_downtime', 0.001, fail_unchecked=False
)
FACTS = {
    'cloud': {'release': '2026.2', 'hosts': [{'name': 'compute1'}]},
    'limits': {'allowed_network_downtime': 0.5},
}
SETTINGS = (
    measurement.Setting('auto_converge', True, 'metadata'),
    measurement.Setting('tunnel', None, 'nova.conf'),
    measurement.Setting('max_downtime', 130, 'flavor'),
    measurement.Setting('timeout', None, 'nova.conf'),
)
#: How these are told.
SETTINGS_TOLD = (
    'auto-converge on (metadata), maximum downtime 130 ms (flavor), the rest '
    'as nova.conf has it'
)


def timeline(down, what='network', at=100.0, ongoing=False, interval=0.01):
    """Probes of which some were not answered, 50 intervals after the first.

    :param down: seconds
    """
    failed = range(50, 50 + round(down / interval))
    count = failed.stop if ongoing else failed.stop + 50
    return measurement.Timeline(
        what,
        '10.30.3.7',
        [
            Sample(
                at + number * interval,
                at + number * interval,
                number not in failed,
                took=0.0004,
            )
            for number in range(count)
        ],
        interval,
        at + count * interval,
        1790000000.0,
        measurement.Probing.INDEPENDENT,
        'prober (raw socket)',
    )


def stopped(seconds, at=100.0):
    """The clock of a guest that stood still in the middle."""
    return measurement.GuestClock(
        Beat(
            at + number / 50 + (seconds if number >= 50 else 0),
            at + number / 50 + 0.001 + (seconds if number >= 50 else 0),
            5000 + number / 50,
        )
        for number in range(100)
    )


def migration(down=0.3, server='573b45c2-d935-4f49-925d-691286e64ab0', **more):
    """One whose network was away for so many seconds, as a document."""
    looks = (
        Look(100.1, 100.2, 'running', 2**28, 2**26, 2**27),
        Look(101.1, 101.2, 'running', 2**28, 2**27, 2**26),
        Look(102.1, 102.2, 'completed'),
    )
    arguments = {
        'server': server,
        'source': 'compute1',
        'destination': 'compute2',
        'measurements': (timeline(down), timeline(down / 2, 'tcp')),
        'clock': stopped(down / 3) if down else None,
        'progress': measurement.Progress(100.0, looks),
        'record': {'id': 7, 'status': 'completed'},
        'limits': (LIMIT,),
        'figures': (
            measurement.Figures(100.5, 2**27, 2**22, 2**25, 20),
            measurement.Figures(101.5, 2**26, 2**23, 2**25, 30),
        ),
        'settings': SETTINGS,
        **more,
    }
    return as_read(measurement.MeasuredMigration(**arguments))


def watched():
    """A watch during which a migration was followed, as a document."""
    progress = measurement.Progress(
        101.0, (Look(102.0, 102.1, 'running'), Look(106.0, 106.1, 'completed'))
    )
    return as_read(
        measurement.MeasuredMigration(
            '192.0.2.1',
            None,
            None,
            (timeline(0.3),),
            progress=measurement.Progress(100.0),
            kind='watch',
        ).following(
            [
                measurement.Followed(
                    'live migration',
                    'a',
                    'b',
                    'completed',
                    progress,
                    {'id': 7},
                    ({'event': 'compute_live_migration'},),
                    (102.0, 106.1),
                )
            ]
        )
    )


def gone(reason='the guest was rebooted', **more):
    """One whose network has no measurement."""
    return migration(
        0.0, measurements=(exceptions.NoMeasurement(reason, **more),)
    )


def aged(document):
    """As it was written when what was not seen was at most 0 s."""
    old = copy.deepcopy(document)
    del old['unchecked'], old['settings']
    for limit in old['limits']:
        del limit['fail_unchecked']
    for each in old['measurements']:
        del each['round_trips'], each['band']
        if not each['outages']:
            for name in ('total', 'longest'):
                each[name] = {'estimate': 0.0, 'lower': 0.0, 'upper': 0.0}
    return old


def as_read(measured):
    """A MeasuredMigration as JSON brings it back."""
    return json.loads(json.dumps(measured.to_dict()))


def test(
    *migrations, name='m.tests.TestIt.test_it', status='success', reason=''
):
    return recorded.RecordedTest(name, status, migrations, 12.5, reason)


def run(*tests, facts=FACTS):
    return recorded.Run(tests, facts)


def before_and_after(**named):
    """Two runs of five migrations: in the second, each took 0.3 s more.

    :param named: of test()
    """
    return [
        run(
            test(
                *(
                    migration(down + more)
                    for down in (0.1, 0.11, 0.12, 0.13, 0.14)
                ),
                **named,
            )
        )
        for more in (0.0, 0.3)
    ]


def many():
    """A Run of 42 migrations in 10 variants; two are cold, and took 8 s."""
    names = [
        'TestLiveMigration.test_live_migration',
        'TestLiveMigration.test_live_migration_to_host',
        'TestLiveMigration.test_live_migration_there_and_back',
        'TestLiveMigrationAutoBlock.test_live_migration_auto_block',
        'TestMatrix.test_post_copy_under_memory_load_there_and_back',
        'TestParallel.test_parallel',
        'TestDrain.test_drain',
        'TestRepeats.test_repeated',
    ]
    limits = (
        measurement.Limit('network', 'allowed_network_downtime', 20.0),
        measurement.Limit('metadata', 'allowed_metadata_downtime', 1.0),
    )
    tests = [
        test(
            *(
                _one_of_many(
                    0.05 + (7 * variant + 3 * number) % 26 / 100,
                    variant + number,
                    limits,
                )
                for number in range(5)
            ),
            name='m.tests.' + name,
        )
        for variant, name in enumerate(names)
    ]
    tests += [
        test(
            migration(
                8.0,
                server=_server(90),
                kind='cold',
                clock=None,
                limits=limits,
                figures=(),
                measurements=(timeline(8.0),),
            ),
            name=f'm.tests.TestMatrix.test_{name}',
        )
        for name in ('cold', 'resize')
    ]
    return run(*tests)


def _one_of_many(down, number, limits):
    """Its metadata is asked for each 0.2 s; of every other one it is down."""
    metadata = timeline(number % 2 * 0.6, 'metadata', at=90.0, interval=0.2)
    return migration(
        down,
        server=_server(number),
        limits=limits,
        measurements=(timeline(down), timeline(down / 2, 'tcp'), metadata),
    )


def _server(number):
    return '%08x-d935-4f49-925d-691286e64ab0' % (0x573B45C2 + 7919 * number)


def stream(*tests, facts=None, detail=streams.detail):
    """RecordedTests as a subunit stream.

    :param detail: makes a detail of what was recorded
    """
    output = io.BytesIO()
    result = testtools.ExtendedToStreamDecorator(
        subunit.StreamResultToBytes(output)
    )
    result.startTestRun()
    for each in tests:
        _Recording(each, facts, detail).run(result)
    result.stopTestRun()
    output.seek(0)
    return output


def json_detail(document):
    """As details were before they were text."""
    return content.Content(
        content_type.JSON, lambda: [json.dumps(document).encode()]
    )


class _Recording(testtools.TestCase):
    """Stands for a RecordedTest; not run by itself."""

    def __init__(self, said, facts, detail):
        super().__init__('plays_it_back')
        self._said = said
        self._facts = facts
        self._detail = detail

    def id(self):
        return self._said.id

    def plays_it_back(self):
        if self._facts:
            self.addDetail(streams.FACTS, self._detail(self._facts))
        for each in self._said.migrations:
            self.addDetailUniqueName(streams.DETAIL, self._detail(each))
        if self._said.status == 'skip':
            self.skipTest(self._said.reason)
        if self._said.status == 'fail':
            self.fail(self._said.reason)
