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
"""The subunit stream that the commands read: the last run's, or another."""

import io
import subprocess
import sys


def add_argument(parser):
    """Let a command's user name another stream."""
    parser.add_argument(
        '--subunit', metavar='FILE',
        help='a subunit stream to read instead; - for standard input')


def stream(path):
    """The stream of a path, or of stestr's last run here.

    :raises SystemExit: if there is none
    """
    if path == '-':
        return sys.stdin.buffer
    if path:
        try:
            return open(path, 'rb')
        except OSError as error:
            raise SystemExit('%s can\'t be read: %s' % (path, error.strerror))
    # stestr's own command: its repository has a format of its own.
    last = subprocess.run([sys.executable, '-m', 'stestr', 'last',
                           '--subunit'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if not last.stdout:
        raise SystemExit(
            'stestr last ended with %d: %s. Go to the workspace where '
            'tempest run was run.' % (
                last.returncode, last.stderr.decode().strip() or 'no output'))
    return io.BytesIO(last.stdout)
