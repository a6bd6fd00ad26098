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
"""The settings that are recorded with a migration, and what is logged."""

from unittest import mock

import fixtures
import testscenarios
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import setting
from migration_tempest_plugin.running import settings as recording
from migration_tempest_plugin.starlingx import settings

SERVER = 'the-server'
NOBODY = None, 'nova.conf'


class Case(testtools.TestCase):
    """A cloud whose computes heed the settings of servers."""

    heeded = True

    def setUp(self):
        super().setUp()
        self.cloud = mock.Mock()
        self.cloud_class = self.patch(
            'starlingx.Cloud', mock.Mock(return_value=self.cloud)
        )
        conf = mock.Mock()
        conf.migration_feature_enabled.starlingx_settings = self.heeded
        conf.service_available.cinder = True
        self.patch('CONF', conf)
        self.log = self.useFixture(fixtures.FakeLogger())

    def patch(self, name, value):
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.running.settings.' + name, value
            )
        )
        return value

    def read(self, **sources):
        """The (value, origin) of each that is recorded, by name.

        :param sources: of settings.Sources
        """
        self.cloud.sources.return_value = settings.Sources(**sources)
        return {
            each.name: (each.value, each.origin)
            for each in recording.of_server('the admin', SERVER)
        }


class TestOrigins(testscenarios.WithScenarios, Case):
    scenarios = [
        (name, {'sources': sources, 'expected': expected})
        for name, sources, expected in (
            (
                'nothing is said',
                {},
                (NOBODY, NOBODY, NOBODY, NOBODY),
            ),
            (
                'the server goes before its flavor',
                {
                    'flavor': {
                        settings.AUTO_CONVERGE: 'no',
                        settings.TUNNEL: 'yes',
                    },
                    'metadata': {settings.AUTO_CONVERGE: 'y'},
                },
                ((True, 'metadata'), (True, 'flavor'), NOBODY, NOBODY),
            ),
            (
                'off and none are said, too',
                {
                    'flavor': {settings.TUNNEL: 'f'},
                    'metadata': {settings.TIMEOUT: '0'},
                },
                (NOBODY, (False, 'flavor'), NOBODY, (0, 'metadata')),
            ),
            (
                'the image has a say in numbers',
                {
                    'flavor': {settings.TIMEOUT: '710'},
                    'image': {
                        settings.IMAGE_MAX_DOWNTIME: '135',
                        settings.IMAGE_TIMEOUT: '260',
                        'hw_wrs_live_migration_tunnel': 'yes',
                    },
                },
                (NOBODY, NOBODY, (135, 'image'), (260, 'image')),
            ),
            # Our own default, 500 ms, is not to be taken for nova.conf's.
            (
                "what makes no sense is the host's again",
                {
                    'flavor': {settings.MAX_DOWNTIME: '42'},
                    'metadata': {settings.MAX_DOWNTIME: '420'},
                },
                (NOBODY, NOBODY, NOBODY, NOBODY),
            ),
        )
    ]

    def test(self):
        self.assertEqual(
            dict(
                zip(
                    ('auto_converge', 'tunnel', 'max_downtime', 'timeout'),
                    self.expected,
                )
            ),
            self.read(**self.sources),
        )


class TestWords(Case):
    def test_as_starlingx_settings_have_them(self):
        """They stand in two places: these may not import each other."""
        for sources in (
            {},
            {'flavor': {settings.TUNNEL: 'on', settings.TIMEOUT: '0'}},
            {'image': {settings.IMAGE_TIMEOUT: '310'}},
            {
                'flavor': {settings.MAX_DOWNTIME: '175'},
                'metadata': {
                    settings.AUTO_CONVERGE: 'off',
                    settings.TUNNEL: 'false',
                    settings.TIMEOUT: '440',
                },
            },
        ):
            self.read(**sources)
            found = settings.resolve(
                settings.Sources(**sources), settings.Defaults()
            )
            self.assertEqual(
                str(found),
                setting.in_words(recording.of_server('the admin', SERVER)),
            )


class TestLogged(Case):
    def test_whom_is_asked(self):
        self.read()
        self.cloud_class.assert_called_once_with('the admin', True)
        self.cloud.sources.assert_called_once_with(SERVER)
        self.assertEqual('', self.log.output)

    def test_what_is_ignored(self):
        found = self.read(
            metadata={settings.TUNNEL: 'perhaps', settings.TIMEOUT: '330'}
        )
        self.assertEqual((330, 'metadata'), found['timeout'])
        self.assertIn(
            'Server the-server: hw:wrs:live_migration_tunnel of the metadata '
            "is 'perhaps', which is neither true nor false: it is ignored",
            self.log.output,
        )

    def test_the_cloud_does_not_answer(self):
        self.cloud.sources.side_effect = exceptions.CloudError('no route')
        self.assertEqual((), recording.of_server('the admin', SERVER))
        self.assertIn(
            'The settings of server the-server are not known: no route',
            self.log.output,
        )

    def test_one_place_is_not_known(self):
        """It may say less than the flavor does, and so go before it."""
        self.assertEqual(
            {},
            self.read(
                flavor={settings.TIMEOUT: '290'},
                unknown=('what the image says is not known',),
            ),
        )
        self.assertIn(
            'the-server are not known: what the image says', self.log.output
        )


class TestStockNova(Case):
    heeded = False

    def test_nobody_is_asked(self):
        self.assertEqual({}, self.read(metadata={settings.TIMEOUT: '225'}))
        self.cloud_class.assert_not_called()
        self.assertEqual('', self.log.output)
