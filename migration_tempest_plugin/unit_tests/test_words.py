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
"""How numbers are said."""

import testtools

from migration_tempest_plugin import words


class TestCounted(testtools.TestCase):
    def test_one_is_no_plural(self):
        said = [words.counted(number, 'outage') for number in (0, 1, 2, 21)]
        self.assertEqual(
            ['0 outages', '1 outage', '2 outages', '21 outages'], said
        )
