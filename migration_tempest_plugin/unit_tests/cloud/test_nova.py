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
"""Nova's API by HTTP, as clouds.yaml names it."""

import logging
import threading
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.cloud import nova
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.unit_tests.cloud import fake_nova


class Held(fixtures.Fixture):
    """What waits for its event goes on at the end of the test."""

    def _setUp(self):
        self.event = threading.Event()
        self.addCleanup(self.event.set)


class TestNova(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.DEBUG))
        self.cloud = self.useFixture(fake_nova.FakeCloud())

    def failure(self, call, *arguments, **more):
        """The one line that it fails with, which has no secret."""
        error = self.assertRaises(
            exceptions.CloudError, call, *arguments, **more
        )
        self.assertNotIn('precious', str(error) + self.log.output)
        self.assertNotIn('\n', str(error))
        return str(error)

    def test_an_answer(self):
        self.cloud.answers['/nova/servers/1?a=b'] = 200, {'server': {}}
        api = nova.connect(None)
        self.assertEqual(
            {'server': {}},
            api.get('/servers/1', '2.23', query={'a': 'b'}),
        )
        self.assertEqual(
            [('/nova/servers/1?a=b', 'compute 2.23')], self.cloud.asked
        )
        self.assertNotIn('precious', self.log.output)

    def test_what_is_refused(self):
        self.cloud.answers['/nova/x'] = 403, {}
        api = nova.connect('here')
        self.assertIsNone(api.get('/x', refused=(403,)))
        self.assertEqual(
            "Nova's API answered 403", self.failure(api.get, '/x')
        )

    def test_each_failure_once(self):
        """It is asked once: who asks again knows when that was."""
        self.cloud.answers['/nova/x'] = 503, {}
        api = nova.connect(None)
        self.assertEqual(
            "Nova's API answered 503", self.failure(api.get, '/x')
        )
        self.assertEqual(1, len(self.cloud.asked))

    def test_nobody_answers_any_more(self):
        api = nova.connect(None)
        self.cloud.stop()
        self.assertEqual(
            "Nova's API can't be reached", self.failure(api.get, '/x')
        )

    def test_nobody_answers_in_time(self):
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.cloud.nova.TIMEOUT', 0.2
            )
        )
        api = nova.connect(None)
        reply = self.cloud.reply
        done = self.useFixture(Held()).event
        self.cloud.reply = lambda *words: done.wait() and reply(*words)
        self.assertEqual(
            "Nova's API can't be reached within 0.2 s",
            self.failure(api.get, '/x'),
        )

    def test_a_cloud_that_is_not_there(self):
        self.assertEqual(
            'clouds.yaml, or the environment, names no cloud to ask: '
            'Cloud there was not found.',
            self.failure(nova.connect, 'there'),
        )

    def test_a_wrong_password(self):
        self.cloud.password = 'another one'
        self.assertEqual(
            "Nova's API can't be reached: not you (HTTP 401)",
            self.failure(nova.connect, None),
        )

    def test_a_file_that_is_no_yaml(self):
        """To YAML, a password that begins with * is something else."""
        self.cloud.write('clouds: {here: {auth: {password: *precious }}}')
        # Newer releases of openstacksdk leave such a file out.
        self.assertRegex(
            self.failure(nova.connect, None),
            'names no cloud to ask|^clouds.yaml is no YAML$',
        )

    def test_no_openstacksdk(self):
        with mock.patch.dict('sys.modules', {'openstack': None}):
            self.assertEqual(
                'to follow a server takes openstacksdk: '
                "pip install 'migration-tempest-plugin[server]'",
                self.failure(nova.connect, None),
            )
