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
"""What a file of samples has, as the Run that a watch would have recorded."""

import os
import time

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.recording import reader
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import validation

#: What it says of a file that has no end: its writer was killed.
CUT = 'ends in the middle: what wrote it was ended, or had no room left'


def run(path: str | os.PathLike[str]) -> recorded.Run:
    """The Run of a file of samples.

    :raises RecordError: if it can't be read
    """
    file = reader.read(path)
    ended = file.header.wall + file.ended - file.header.origin
    test = recorded.RecordedTest(
        'watch',
        'success',
        tuple(
            validation.migration(
                measurement.MeasuredMigration(
                    server=each.stream.target,
                    source=None,
                    destination=None,
                    measurements=(_measured(file, each),),
                    progress=measurement.Progress(file.header.origin, ()),
                    kind='watch',
                ).to_dict()
            )
            for each in file.streams
        ),
        seconds=file.ended - file.header.origin,
    )
    stamp = time.strftime('%Y-%m-%d %H:%M:%S %z', time.localtime(ended))
    return recorded.Run(
        (test,),
        {'run': {'watched': 'watch', 'ended': stamp}},
        () if file.why else (f'{path} {CUT}',),
    )


def _measured(
    file: reader.File, each: reader.Recorded
) -> measurement.Timeline | exceptions.NoMeasurement:
    try:
        return file.timeline(each).recovered()
    except exceptions.NoMeasurement as error:
        return error
