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
"""What the documentation promises: examples that run, names that are there."""

import doctest
import importlib
import pkgutil

import testtools

import migration_tempest_plugin
from migration_tempest_plugin import checks
from migration_tempest_plugin import measurement
from migration_tempest_plugin import meters

#: Packages whose docstrings may have examples: they need no cloud.
WITH_EXAMPLES = ('hosts', 'measurement', 'meters', 'starlingx')

#: What others may import, and rely on. A name that goes needs a release that
#: warns of it.
PUBLIC = {
    'checks': {
        'Check',
        'ClockCheck',
        'ConsoleCheck',
        'DiskCheck',
        'MemoryCheck',
        'NetworkCheck',
        'PortCheck',
        'StorageCheck',
        'VolumeCheck',
    },
    'exceptions': {
        'CheckFailed',
        'GuestError',
        'HostError',
        'MigrationTestError',
        'NoMeasurement',
    },
    'measurement': {
        'Beat',
        'Breakdown',
        'Duration',
        'Figures',
        'Followed',
        'GuestClock',
        'GuestLoad',
        'Limit',
        'Look',
        'Mark',
        'MeasuredMigration',
        'Outage',
        'Phase',
        'Probing',
        'ProcessorTimes',
        'Progress',
        'RoundTripLimit',
        'Sample',
        'Seen',
        'Setting',
        'Taken',
        'Timeline',
        'break_down',
        'in_median',
    },
    'meters': {
        'GuestHeartbeatMeter',
        'GuestPingMeter',
        'Heartbeat',
        'MetadataDowntimeMeter',
        'NetDowntimeMeter',
        'StorageStallMeter',
    },
}


def modules(package):
    """All modules of a package of the plugin."""
    name = 'migration_tempest_plugin.' + package
    yield importlib.import_module(name)
    for each in pkgutil.walk_packages(
        importlib.import_module(name).__path__, name + '.'
    ):
        # It is loaded by Nova, and imports it.
        if each.name != name + '.extra_specs':
            yield importlib.import_module(each.name)


class TestExamples(testtools.TestCase):
    def test_docstrings(self):
        run = 0
        for package in WITH_EXAMPLES:
            for module in modules(package):
                failed, tried = doctest.testmod(module)
                self.assertEqual(0, failed, module.__name__)
                run += tried
        self.assertGreater(run, 5)


class TestPublicNames(testtools.TestCase):
    def test_they_are_there(self):
        for package, names in PUBLIC.items():
            module = importlib.import_module(
                f'{migration_tempest_plugin.__name__}.{package}'
            )
            self.assertEqual(set(), names - set(dir(module)), package)

    def test_no_other_is_offered(self):
        """A name in __all__ is public, so that it is in the list above."""
        for module in (checks, meters, measurement):
            self.assertEqual(
                PUBLIC[module.__name__.rpartition('.')[2]], set(module.__all__)
            )

    def test_what_meters_have(self):
        """The names that other plugins call: Tempest's meters have them."""
        for meter, names in (
            (meters.NetDowntimeMeter, ('get_downtime', 'measurement')),
            (meters.MetadataDowntimeMeter, ('get_results', 'measurement')),
        ):
            for name in names:
                self.assertTrue(callable(getattr(meter, name)), name)
        for name in (
            'outages',
            'longest',
            'total',
            'unobserved',
            'resolution',
            'to_dict',
        ):
            self.assertTrue(hasattr(measurement.Timeline, name), name)
