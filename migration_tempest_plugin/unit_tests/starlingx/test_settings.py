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
"""StarlingX's rules of which setting wins, as tables."""

import testscenarios
import testtools

from migration_tempest_plugin.starlingx import settings

CONVERGE, TUNNEL = settings.AUTO_CONVERGE, settings.TUNNEL
DOWNTIME, TIMEOUT = settings.MAX_DOWNTIME, settings.TIMEOUT
IMAGE_DOWNTIME = settings.IMAGE_MAX_DOWNTIME
IMAGE_TIMEOUT = settings.IMAGE_TIMEOUT


def resolved(flavor=None, metadata=None, image=None, **defaults):
    return settings.resolve(
        settings.Sources(flavor or {}, metadata or {}, image or {}),
        settings.Defaults(**defaults),
    )


class TestDefaults(testtools.TestCase):
    def test_nothing_is_said(self):
        self.assertEqual(settings.Settings(False, False, 500, 180), resolved())

    def test_those_of_the_host(self):
        self.assertEqual(
            settings.Settings(True, True, 300, 0),
            resolved(
                auto_converge=True, tunnel=True, max_downtime=300, timeout=0
            ),
        )


class TestSwitches(testscenarios.WithScenarios, testtools.TestCase):
    """flavor, metadata, what the host says, what holds, how many ignored."""

    scenarios = [
        (
            f'{name} {flavor}, {metadata}, {default}',
            {
                'name': name,
                'field': field,
                'flavor': flavor,
                'metadata': metadata,
                'default': default,
                'expected': expected,
                'ignored': ignored,
            },
        )
        for name, field in ((CONVERGE, 'auto_converge'), (TUNNEL, 'tunnel'))
        for flavor, metadata, default, expected, ignored in (
            ('True', None, False, True, 0),
            ('False', None, True, False, 0),
            (None, 'True', False, True, 0),
            (None, 'False', True, False, 0),
            ('True', 'False', False, False, 0),
            ('False', 'True', False, True, 0),
            ('yes', ' OFF ', True, False, 0),
            ('True', 'maybe', False, True, 1),
            ('maybe', 'True', False, True, 1),
            ('maybe', '', True, True, 2),
            ('2', None, False, False, 1),
        )
    ]

    def test(self):
        found = resolved(
            {self.name: self.flavor} if self.flavor is not None else {},
            {self.name: self.metadata} if self.metadata is not None else {},
            {self.name.replace(':', '_'): str(not self.expected)},
            **{self.field: self.default},
        )
        self.assertIs(self.expected, getattr(found, self.field))
        self.assertEqual(self.ignored, len(found.ignored), found.ignored)


class TestNumbers(testscenarios.WithScenarios, testtools.TestCase):
    """flavor, metadata, image: what holds, and how many are ignored."""

    scenarios = [
        (
            f'{name} {", ".join(map(str, values))}',
            {
                'name': name,
                'field': field,
                'values': values,
                'expected': expected,
                'ignored': ignored,
            },
        )
        for name, field, values, expected, ignored in (
            (DOWNTIME, 'max_downtime', ('300', None, None), 300, 0),
            (DOWNTIME, 'max_downtime', (None, '300', None), 300, 0),
            (DOWNTIME, 'max_downtime', (None, None, '300'), 300, 0),
            (DOWNTIME, 'max_downtime', ('300', '200', '100'), 300, 0),
            (DOWNTIME, 'max_downtime', (None, '200', '100'), 200, 0),
            (DOWNTIME, 'max_downtime', (None, None, '100'), 100, 0),
            (DOWNTIME, 'max_downtime', (None, None, '99'), 500, 1),
            (DOWNTIME, 'max_downtime', ('50', '200', '300'), 500, 1),
            (DOWNTIME, 'max_downtime', ('many', '200', None), 500, 1),
            (DOWNTIME, 'max_downtime', ('0', None, None), 500, 1),
            (DOWNTIME, 'max_downtime', ('1e3', None, None), 500, 1),
            (DOWNTIME, 'max_downtime', (250, None, None), 250, 0),
            (TIMEOUT, 'timeout', ('150', None, None), 150, 0),
            (TIMEOUT, 'timeout', (None, '150', None), 150, 0),
            (TIMEOUT, 'timeout', (None, None, '150'), 150, 0),
            (TIMEOUT, 'timeout', ('400', '300', '200'), 200, 0),
            (TIMEOUT, 'timeout', ('200', '300', '400'), 200, 0),
            (TIMEOUT, 'timeout', ('300', '200', '400'), 200, 0),
            (TIMEOUT, 'timeout', ('0', '300', None), 300, 0),
            (TIMEOUT, 'timeout', ('0', '0', '700'), 700, 0),
            (TIMEOUT, 'timeout', ('0', None, None), 0, 0),
            (TIMEOUT, 'timeout', ('0', '0', '0'), 0, 0),
            (TIMEOUT, 'timeout', ('soon', '300', None), 300, 1),
            (TIMEOUT, 'timeout', ('soon', '0', None), 0, 1),
            (TIMEOUT, 'timeout', ('soon', '', '1.5'), 180, 3),
            (TIMEOUT, 'timeout', (None, None, '-5'), 180, 1),
            (TIMEOUT, 'timeout', ('0', None, '-1'), 0, 1),
            # Not one that the API takes, but nobody asks it for an image.
            (TIMEOUT, 'timeout', ('400', None, '30'), 30, 0),
        )
    ]

    def test(self):
        flavor, metadata, image = (
            {name: value} if value is not None else {}
            for name, value in zip(
                (self.name, self.name, self.name.replace(':', '_')),
                self.values,
            )
        )
        found = resolved(flavor, metadata, image)
        self.assertEqual(self.expected, getattr(found, self.field))
        self.assertEqual(self.ignored, len(found.ignored), found.ignored)


class TestOrigins(testtools.TestCase):
    """Where what holds comes from, and how it reads."""

    def test_nothing_is_said(self):
        found = resolved()
        self.assertEqual({}, found.origins)
        self.assertEqual('all as nova.conf has it', str(found))

    def test_what_wins_is_named(self):
        found = resolved(
            flavor={CONVERGE: 'yes', DOWNTIME: '300', TIMEOUT: '0'},
            metadata={CONVERGE: 'no', DOWNTIME: '200', TIMEOUT: '700'},
            image={IMAGE_DOWNTIME: '100', IMAGE_TIMEOUT: '200'},
        )
        self.assertEqual(
            {
                'auto_converge': 'metadata',
                'max_downtime': 'flavor',
                'timeout': 'image',
            },
            found.origins,
        )
        self.assertEqual(
            'auto-converge off (metadata), maximum downtime 300 ms (flavor), '
            'time-out 200 s (image), the rest as nova.conf has it',
            str(found),
        )

    def test_what_is_ignored_has_no_origin(self):
        found = resolved(
            {CONVERGE: 'no', TUNNEL: 'maybe', DOWNTIME: '99'},
            {CONVERGE: 'maybe', TIMEOUT: 'soon', DOWNTIME: '500'},
        )
        self.assertEqual({'auto_converge': 'flavor'}, found.origins)

    def test_all_are_said(self):
        found = resolved(
            {CONVERGE: 'on', TUNNEL: 'on', DOWNTIME: '100', TIMEOUT: '0'}
        )
        self.assertEqual(
            'auto-converge on (flavor), tunnelling on (flavor), maximum '
            'downtime 100 ms (flavor), time-out none (flavor)',
            str(found),
        )


RANGE = 'hw:wrs:live_migration_timeout must be 0 or in the range 120 to 800'
NUMBER = 'hw:wrs:live_migration_timeout must be an integer.'
LEAST = (
    'hw:wrs:live_migration_max_downtime must be greater than or equal to 100'
)


class TestComplaint(testscenarios.WithScenarios, testtools.TestCase):
    scenarios = [
        (f'{name} {value!r}', {'name': name, 'value': value, 'text': text})
        for name, value, text in (
            *(
                (TIMEOUT, value, None)
                for value in ('0', '120', '150', '180', '800', 120, 0)
            ),
            *(
                (TIMEOUT, value, RANGE)
                for value in ('-1', '1', '119', '801', 119)
            ),
            *(
                (TIMEOUT, value, NUMBER)
                for value in ('', 'abc', '1.5', '120 s')
            ),
            *((DOWNTIME, value, None) for value in ('100', '500', '100000')),
            *((DOWNTIME, value, LEAST) for value in ('99', '0', '-100')),
            (
                DOWNTIME,
                '1.5',
                'hw:wrs:live_migration_max_downtime must be an integer.',
            ),
            (CONVERGE, 'True', None),
            (TUNNEL, 'no', None),
            ('hw:wrs:other', 'anything', None),
            ('hw:cpu_policy', '', None),
        )
    ]

    def test(self):
        self.assertEqual(self.text, settings.complaint(self.name, self.value))


class TestComplaintOfASwitch(testtools.TestCase):
    def test_names_what_it_takes(self):
        for name in (CONVERGE, TUNNEL):
            text = settings.complaint(name, 'maybe')
            self.assertIn(name, text)
            self.assertIn(
                "'maybe', acceptable values are: '0', '1', 'f'", text
            )


class TestIgnored(testtools.TestCase):
    def test_says_what_and_where(self):
        self.assertEqual(
            (
                (
                    "hw_wrs_live_migration_timeout of the image is 'soon', "
                    'which is not a whole number'
                ),
            ),
            resolved(image={IMAGE_TIMEOUT: 'soon'}).ignored,
        )
