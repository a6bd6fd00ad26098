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
"""Whether JSON is a record that this plugin reads: its schemas, and more.

What a schema can't say is looked at, too: that bounds are bounds, and that
numbers are numbers.
"""

import collections.abc
import functools
import importlib.resources
import json
import math
import typing

import jsonschema

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import migration as measured
from migration_tempest_plugin.report import documents


def loads(text: str | bytes) -> typing.Any:
    """JSON, and nothing that Python alone takes for it.

    :raises ValueError: if it is none
    """
    try:
        return json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ValueError('it is nested too deeply') from None


def _no_number(text: str) -> typing.NoReturn:
    raise ValueError(f'{text} is no number')


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f'{text} is no number that can be used')
    return number


def migration(document: typing.Any) -> documents.Migration:
    """A migration's document, if it is one."""
    if isinstance(document, dict):
        check_version(document, measured.SCHEMA_VERSION)
    check(document, 'migration')
    checked: documents.Migration = document
    return checked


def check_version(
    document: collections.abc.Mapping[str, object], newest: int
) -> None:
    version = document.get('version')
    if version in range(1, newest + 1):
        return
    what = (
        f'{document.get("schema", "a record")} of version {version!r}: '
        f'this plugin reads up to version {newest}'
    )
    if isinstance(version, int) and version > newest:
        what += '; install a newer one to read it'
    raise exceptions.RecordError(what)


def check(document: object, what: str) -> None:
    error = jsonschema.exceptions.best_match(
        _validator(what).iter_errors(document)
    )
    if error:
        path = ''.join(f'[{step!r}]' for step in error.absolute_path)
        raise exceptions.RecordError(f'{what}{path}: {error.message[:200]}')
    _check_durations(document, what)


def _check_durations(document: object, where: str) -> None:
    """Bounds must be bounds, however deep they are.

    :raises RecordError: if they are not
    """
    if isinstance(document, list):
        for number, each in enumerate(document):
            _check_durations(each, f'{where}[{number}]')
    elif isinstance(document, dict):
        if {'estimate', 'lower', 'upper'} <= document.keys():
            _check_duration(document, where)
        for key, each in document.items():
            _check_durations(each, f'{where}[{key!r}]')


def _check_duration(
    document: collections.abc.Mapping[str, typing.Any], where: str
) -> None:
    lower, estimate, upper = (
        document[name] for name in ('lower', 'estimate', 'upper')
    )
    try:
        right = 0 <= lower <= estimate <= upper
    except TypeError:
        right = False
    if not right:
        raise exceptions.RecordError(
            f'{where}: {lower!r} to {upper!r} are no bounds of a duration '
            f'of {estimate!r} s'
        )


@functools.cache
def _validator(what: str) -> typing.Any:
    schema = json.loads(
        (
            importlib.resources.files(__package__)
            / 'schema'
            / (what + '.json')
        ).read_text()
    )
    return jsonschema.Draft202012Validator(schema)
