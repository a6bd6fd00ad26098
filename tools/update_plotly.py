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
"""Brings another version of plotly.js into the package of the page.

update_plotly.py [VERSION]; without one, the newest. It takes the basic bundle
(scatter, bar) from npm's registry, checks what came against the registry's own
hash, and writes down where it is from, beside it.
"""

import base64
import hashlib
import io
import json
import pathlib
import sys
import tarfile
import urllib.request

PACKAGE = 'plotly.js-basic-dist-min'
FOLDER = pathlib.Path(__file__).parents[1] / (
    'migration_tempest_plugin/report/page/plotly'
)
FILES = ('plotly-basic.min.js', 'LICENSE')


def fetch(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.read()
    except OSError as error:
        sys.exit(f"{url} can't be read: {error}")


def main(version='latest'):
    known = json.loads(
        fetch(f'https://registry.npmjs.org/{PACKAGE}/{version}')
    )
    archive = fetch(known['dist']['tarball'])
    algorithm, _, expected = known['dist']['integrity'].partition('-')
    found = base64.b64encode(hashlib.new(algorithm, archive).digest())
    if found.decode() != expected:
        sys.exit(
            f'{known["dist"]["tarball"]} is not what the registry describes: '
            f'its {algorithm} is {found.decode()}, not {expected}'
        )
    FOLDER.mkdir(exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as unpacked:
        contents = {
            name: unpacked.extractfile('package/' + name).read()
            for name in FILES
        }
    for name, data in contents.items():
        (FOLDER / name).write_bytes(data)
    (FOLDER / 'source.json').write_text(
        json.dumps(
            {
                'package': PACKAGE,
                'version': known['version'],
                'license': known['license'],
                'url': known['dist']['tarball'],
                'sha256': {
                    name: hashlib.sha256(data).hexdigest()
                    for name, data in contents.items()
                },
            },
            indent=2,
        )
        + '\n'
    )
    size = len(contents[FILES[0]])
    print(f'{PACKAGE} {known["version"]}, {size} bytes')


if __name__ == '__main__':
    main(*sys.argv[1:])
