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
"""Horizon on the controller, in an environment and a folder of its own.

The root file system is the same with it and without, but for an empty folder:
the controller sees this one there, at /opt/horizon.
"""

import dataclasses
import hashlib
import pathlib
import shutil
import string

from embedded_cloud import programs
from embedded_cloud import rootfs

#: Where the controller sees the folder.
PLACE = '/opt/horizon'

_SETTINGS = '/etc/openstack-dashboard/local_settings.py'
_TEMPLATE = pathlib.Path(__file__).parent / 'horizon_settings.py.in'

_PACKAGES = ('horizon',)

# No cache: it would lie in the root file system.
# Styles and scripts are put together once, here; a request finds them ready.
# What only a cloud knows stands in for itself until the last line.
_INSTALL = f"""
set -eu
python3 -m venv {PLACE}
/opt/openstack/bin/uv pip install --quiet --no-cache --compile-bytecode \\
    --python {PLACE}/bin/python --constraint /opt/release.txt "$@"
local=$(echo {PLACE}/lib/python3*/site-packages/openstack_dashboard/local)
mv {PLACE}/local_settings.py "$local"
export DJANGO_SETTINGS_MODULE=openstack_dashboard.settings
{PLACE}/bin/django-admin collectstatic --noinput --verbosity 0
{PLACE}/bin/django-admin compress --force --verbosity 0
ln -s -f {_SETTINGS} "$local/local_settings.py"
"""


def build(settings):
    """Build the folder unless it is there and made of the same parts.

    It is built inside the root file system, which must be there.

    :raises LabError: when the download or an installation fails
    """
    folder = settings.horizon_folder
    parts = _parts(settings)
    stamp = folder / 'lab-parts'
    if stamp.exists() and stamp.read_text() == parts:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / 'local_settings.py').write_text(_text('localhost', 'none yet'))
    with open(settings.home / f'{folder.name}.log', 'wb') as output:
        rootfs.run_inside(
            settings.rootfs,
            'installing Horizon',
            ['/bin/sh', '-c', _INSTALL, 'install', *_PACKAGES],
            output,
            binds=[(folder, PLACE)],
        )
    stamp.write_text(parts)


def role(controller):
    """The role of a controller that has Horizon, too."""
    return dataclasses.replace(
        controller, programs=(*controller.programs, programs.HORIZON)
    )


def url(controller):
    """Where it is.

    :param controller: its address
    """
    return f'http://{controller}/'


def settings_file(controller, secret):
    """Its configuration, as (path in the host, text, mode).

    :param controller: its address
    :param secret: signs the cookies that hold the sessions
    """
    return _SETTINGS, _text(controller, secret), 0o600


def wait(controller):
    """Return when it answers; its first page takes some seconds.

    :param controller: the Host that it is on
    :raises LabError: if it does not answer
    """
    controller.run(
        'curl',
        '--fail',
        '--silent',
        '--show-error',
        '--output',
        '/dev/null',
        '--retry',
        '60',
        '--retry-delay',
        '1',
        '--retry-all-errors',
        f'{url(controller.management)}auth/login/',
    )


def _text(controller, secret):
    return string.Template(_TEMPLATE.read_text()).substitute(
        controller=controller, secret=secret
    )


def _parts(settings):
    text = '\n'.join(
        [
            *_PACKAGES,
            _INSTALL,
            _TEMPLATE.read_text(),
            # the interpreter that it runs with
            (settings.rootfs / 'opt/lab-parts').read_text(),
        ]
    )
    return hashlib.sha256(text.encode()).hexdigest()
