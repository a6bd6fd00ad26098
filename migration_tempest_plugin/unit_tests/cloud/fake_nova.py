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
"""Nova's API: what a real one has answered, and one that speaks HTTP.

``recorded`` has what the embedded cloud's Nova (2026.2) answered to an
administrator and to a member of the project while a server was live migrated,
each answer once, with the second in which it came. It was the sixth migration
of the server. ``resized`` and ``evacuated`` are the same of a resize that was
reverted, and of an evacuation of a server that was started again after it;
``failed`` of a cold migration that found no host, as a member sees it.
"""

import contextlib
import http.server
import json
import pathlib
import threading

import fixtures

from migration_tempest_plugin import exceptions

#: The server in recorded.
SERVER = '49489c34-215e-4bd2-bdb2-04e8c82dfabb'

_RECORDED = pathlib.Path(__file__).parent / 'recorded'


class Replayed(fixtures.Fixture):
    """Answers as Nova did, at the time that its clock shows.

    :param who: 'administrator' or 'member'; or what was done: 'resized',
        'evacuated' or 'failed'
    :ivar now: the time, in seconds; each answer takes a hundredth of one
    :ivar asked: the paths that were asked for
    :ivar failure: what to raise instead, or None
    """

    def __init__(self, who):
        self._answers = json.loads((_RECORDED / (who + '.json')).read_text())
        self.now = 3.0
        self.asked = []
        self.failure = None

    def _setUp(self):
        self.useFixture(fixtures.MonkeyPatch('time.monotonic', self._clock))

    def _clock(self):
        return self.now

    def get(self, path, version=None, refused=(), query=None):
        self.asked.append(path)
        self.now += 0.01
        if self.failure:
            raise exceptions.CloudError(self.failure)
        answers = [
            answer
            for second, its_path, answer in self._answers
            if its_path == path and second <= self.now
        ]
        return answers[-1]


class FakeCloud(fixtures.Fixture):
    """A Keystone and a Nova on HTTP, and a clouds.yaml that names them.

    :ivar answers: {path: (status, what becomes its JSON)}, of Nova
    :ivar asked: (path, microversion) of each request to Nova
    :ivar password: of the user
    """

    def __init__(self):
        self.answers = {}
        self.asked = []
        self.password = '*precious-secret'

    def _setUp(self):
        self._server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0), _handler(self)
        )
        self.url = f'http://127.0.0.1:{self._server.server_port}'
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.stop)
        self._configure()

    def stop(self):
        """Nobody answers any more."""
        self._server.shutdown()
        self._server.server_close()

    def write(self, text):
        """Put something else into clouds.yaml."""
        self._clouds.write_text(text)

    def _configure(self):
        folder = self.useFixture(fixtures.TempDir()).path
        self._clouds = pathlib.Path(folder) / 'clouds.yaml'
        self.useFixture(
            fixtures.EnvironmentVariable(
                'OS_CLIENT_CONFIG_FILE', str(self._clouds)
            )
        )
        self.useFixture(fixtures.EnvironmentVariable('OS_CLOUD', 'here'))
        auth = {
            'auth_url': self.url + '/v3',
            'username': 'somebody',
            'password': self.password,
            'project_name': 'a',
            'user_domain_name': 'Default',
            'project_domain_name': 'Default',
        }
        # JSON is YAML.
        self.write(json.dumps({'clouds': {'here': {'auth': auth}}}))

    def reply(self, path, version):
        """What is answered to GET: (status, what becomes JSON)."""
        if path in ('/v3', '/v3/'):
            return 200, {'version': _KEYSTONE | {'links': self._links('/v3/')}}
        if path in ('/nova', '/nova/'):
            return 200, {'version': _NOVA | {'links': self._links(path)}}
        self.asked.append((path, version))
        return self.answers.get(path, (404, {}))

    def token(self, document):
        """What is answered to who logs in."""
        said = document['auth']['identity']['password']['user']['password']
        if said != self.password:
            return 401, {'error': {'code': 401, 'message': 'not you'}}
        endpoint = {
            'interface': 'public',
            'region': 'here',
            'region_id': 'here',
            'url': self.url + '/nova',
            'id': '1',
        }
        return 201, {
            'token': {
                'methods': ['password'],
                'expires_at': '2099-01-01T00:00:00.000000Z',
                'issued_at': '2026-01-01T00:00:00.000000Z',
                'user': {'id': '1', 'name': 'somebody'},
                'project': {'id': '2', 'name': 'a'},
                'catalog': [
                    {
                        'type': 'compute',
                        'name': 'nova',
                        'id': '3',
                        'endpoints': [endpoint],
                    }
                ],
            }
        }

    def _links(self, path):
        return [{'rel': 'self', 'href': self.url + path}]


_KEYSTONE = {'id': 'v3.14', 'status': 'stable'}

_NOVA = {
    'id': 'v2.1',
    'status': 'CURRENT',
    'version': '2.103',
    'min_version': '2.1',
}


def _handler(cloud):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            version = self.headers.get('OpenStack-API-Version')
            self._answer(*cloud.reply(self.path, version))

        def do_POST(self):
            length = int(self.headers['Content-Length'])
            document = json.loads(self.rfile.read(length))
            self._answer(*cloud.token(document), ('X-Subject-Token', 'token'))

        def _answer(self, status, document, *headers):
            body = json.dumps(document).encode()
            self.send_response(status)
            for header in (
                ('Content-Type', 'application/json'),
                ('Content-Length', str(len(body))),
                *headers,
            ):
                self.send_header(*header)
            self.end_headers()
            # Who asked may have given up.
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler
