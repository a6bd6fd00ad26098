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
"""A meter that measures nothing, and says what is done to it."""

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement


class FakeMeter:
    """Saw ten answers, a tenth of a second apart.

    :param said: a list that gets (name, what was done)
    :param down: it is never up
    """

    def __init__(self, name, said, down=False):
        self.name = name
        self._said = said
        self._down = down

    def __enter__(self):
        self._said.append((self.name, 'set up'))
        return self

    def __exit__(self, *error):
        self._said.append((self.name, 'ended'))

    def wait_until_up(self, timeout):
        self._said.append((self.name, f'up within {round(timeout):g} s'))
        if self._down:
            raise exceptions.NoMeasurement('no answer')
        return 0.25

    def measurement(self):
        self._said.append((self.name, 'read'))
        return measurement.Timeline(
            'network',
            self.name,
            [
                measurement.Sample(number / 10, number / 10, True)
                for number in range(10)
            ],
            0.1,
            0.95,
        )
