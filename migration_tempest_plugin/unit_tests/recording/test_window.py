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

import datetime

import testtools

from migration_tempest_plugin.recording.window import moment
from migration_tempest_plugin.recording.window import Window


def local(*when):
    return datetime.datetime(*when).timestamp()


class TestMoment(testtools.TestCase):
    BEGAN = local(2026, 11, 28, 22, 30, 15, 400000)

    def test_what_is_taken(self):
        for text, expected in (
            ('22:30', local(2026, 11, 29, 22, 30)),
            ('22:30:15', local(2026, 11, 28, 22, 30, 15)),
            ('22:31:07.25', local(2026, 11, 28, 22, 31, 7, 250000)),
            ('0:05', local(2026, 11, 29, 0, 5)),
            ('2026-11-30 06:00', local(2026, 11, 30, 6)),
            ('2026-11-30T06:00:01.5', local(2026, 11, 30, 6, 0, 1, 500000)),
            ('2026-11-28 22:40:00+00:00', 1795905600.0),
            ('+90', self.BEGAN + 90),
            ('+0.5', self.BEGAN + 0.5),
        ):
            self.assertAlmostEqual(
                expected, moment(text).at(self.BEGAN), 3, text
            )

    def test_what_is_none(self):
        for text in '', 'noon', '25:00', '10:61', '10:00:60', '-5', '+', '10':
            self.assertRaises(ValueError, moment, text)

    def test_in_words(self):
        self.assertEqual(
            'from 10:00 to +90', str(Window(moment('10:00'), moment('+90')))
        )
        self.assertEqual('to +90', str(Window(None, moment('+90'))))
