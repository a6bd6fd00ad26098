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
"""What a watch measured, as a test that was recorded."""

import collections.abc

from migration_tempest_plugin import measurement
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import validation

#: What a watch is called that nobody has named.
NAME = 'watch'


def complaints(
    measured: collections.abc.Iterable[measurement.MeasuredMigration],
    limits: collections.abc.Iterable[measurement.Limit],
) -> list[str]:
    """What was wrong, a sentence each."""
    limits = tuple(limits)
    return [
        complaint for each in measured for complaint in each.complaints(limits)
    ]


def test(
    name: str,
    measured: collections.abc.Collection[measurement.MeasuredMigration],
    wrong: collections.abc.Collection[str],
    seconds: float = 0.0,
) -> recorded.RecordedTest:
    """The RecordedTest of a watch.

    :param name: what it is called
    :param measured: a MeasuredMigration of each target
    :param wrong: its complaints()
    :param seconds: how long it took
    """
    return recorded.RecordedTest(
        NAME if name == NAME else f'{NAME}: {name}',
        'fail' if wrong else 'success',
        tuple(validation.migration(each.to_dict()) for each in measured),
        seconds,
        '\n'.join(wrong),
    )
