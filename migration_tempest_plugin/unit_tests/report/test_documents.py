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

import importlib.resources
import json

import testtools

from migration_tempest_plugin.report import documents


def _object(schema):
    """What is said of an object that may also be null."""
    return next(
        each
        for each in schema.get('anyOf', [schema])
        if each.get('type') != 'null'
    )


def _keys(schema, definitions):
    """(all keys that a schema names, those that it requires)"""
    names, required = (
        set(schema.get('properties', ())),
        set(schema.get('required', ())),
    )
    for each in schema.get('allOf', ()):
        if '$ref' in each:
            each = definitions[each['$ref'].rpartition('/')[2]]
        more, more_required = _keys(each, definitions)
        names |= more
        required |= more_required
    return names, required


class TestDocuments(testtools.TestCase):
    """What type checkers are told of a record is what the schema says."""

    def setUp(self):
        super().setUp()
        self.schema = json.loads(
            (
                importlib.resources.files(documents.__package__)
                / 'schema/migration.json'
            ).read_text()
        )
        self.definitions = self.schema['$defs']

    def assert_like(self, kind, schema):
        names, required = _keys(schema, self.definitions)
        said = set(kind.__annotations__)
        self.assertLess(set(), said)
        self.assertEqual(set(), names - said, kind.__name__)
        # It may promise less than the schema, and no more.
        self.assertEqual(
            set(), kind.__required_keys__ - required, kind.__name__
        )

    def kinds(self):
        """Each kind of document, with what the schema says of it."""
        of = {
            name: _object(schema)
            for name, schema in self.schema['properties'].items()
        }
        timeline = self.definitions['timeline']['properties']
        # What makes it one is looked at before.
        missing = {
            'allOf': [
                self.definitions['missing'],
                {'required': ['no_measurement']},
            ]
        }
        return (
            (documents.Migration, self.schema),
            (documents.Timeline, self.definitions['timeline']),
            (documents.Missing, missing),
            (documents.Duration, self.definitions['duration']),
            (documents.Phase, self.definitions['phase']),
            (documents.Breakdown, self.definitions['breakdown']),
            (documents.Outage, timeline['outages']['items']),
            (documents.Gap, timeline['gaps']['items']),
            (documents.ShortGaps, timeline['short_gaps']),
            (documents.RoundTrips, timeline['round_trips']['items']),
            (documents.RoundTripSlot, timeline['band']['items']),
            (documents.GuestClock, of['guest_clock']),
            (documents.GuestLoad, of['guest_load']),
            (documents.Progress, of['progress']),
            (documents.Look, of['progress']['properties']['looks']['items']),
            (documents.Limit, of['limits']['items']),
            (documents.Figures, of['figures']['items']),
            (documents.Setting, of['settings']['items']),
            (documents.Followed, of['followed']['items']),
        )

    def test_like_the_schema(self):
        for kind, schema in self.kinds():
            self.assert_like(kind, schema)

    def test_each_is_looked_at(self):
        """All that are no base of another one, so that none is forgotten."""
        named = {
            name
            for name, each in vars(documents).items()
            if isinstance(each, type(documents.Gap))
            and not name.startswith('_')
        }
        self.assertEqual({kind.__name__ for kind, _ in self.kinds()}, named)
