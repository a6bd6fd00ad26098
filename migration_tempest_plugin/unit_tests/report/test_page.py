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
"""The page, as HTML; functional_tests/test_page.py looks at it."""

import base64
import dataclasses
import gzip
import hashlib
import html.parser
import json
import re

import testtools

from migration_tempest_plugin import measurement
from migration_tempest_plugin.measurement import distribution
from migration_tempest_plugin.report import compare
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import page
from migration_tempest_plugin.unit_tests.report import samples

EVIL = '</script><img src=x onerror=alert(1)>\'"&'


class Reader(html.parser.HTMLParser):
    """What a page has.

    :ivar elements: (tag, attributes) of each
    :ivar scripts: what is in each script that has an id
    :ivar tables: the rows of each table that has an id, a text for each cell
    :ivar links: where the links in each of these go
    """

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.scripts = {}
        self.tables = {}
        self.links = {}
        self._script = self._table = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        if tag == 'script':
            self._script = attributes.get('id')
        elif tag == 'table':
            self._table = attributes.get('id')
            self.tables[self._table] = []
            self.links[self._table] = []
        elif self._table and tag == 'tr':
            self.tables[self._table].append([])
        elif self._table and tag in ('th', 'td'):
            self.tables[self._table][-1].append('')
        elif self._table and tag == 'a':
            self.links[self._table].append(attributes['href'])

    def handle_endtag(self, tag):
        if tag == 'script':
            self._script = None
        elif tag == 'table':
            self._table = None

    def handle_data(self, data):
        if self._script:
            self.scripts[self._script] = (
                self.scripts.get(self._script, '') + data
            )
        elif (
            self._table
            and self.tables[self._table]
            and self.tables[self._table][-1]
        ):
            row = self.tables[self._table][-1]
            row[-1] = ' '.join((row[-1] + ' ' + data).split())

    @property
    def data(self):
        """Of the figures."""
        return {
            name: json.loads(text)
            for name, text in self.scripts.items()
            if name != 'plotly'
        }


def read(run, title='A title'):
    return Reader(page.report(run, title))


class TestReport(testtools.TestCase):
    def test_the_worst_is_first(self):
        found = read(
            samples.run(
                samples.test(
                    samples.migration(0.1, server='good'),
                    samples.migration(0.9, server='bad'),
                ),
                samples.test(samples.gone(), name='m.T.test_gone'),
            )
        )
        self.assertEqual(
            ['#migration-3', '#migration-2', '#migration-1'],
            found.links['worst'],
        )

    def test_what_is_on_top(self):
        """How many, what was kept, and of each kind what is usual."""
        run = samples.many()
        text = page.report(run, 'A title')
        self.assertIn('42 migrations (40 live, 2 cold):', text)
        found = Reader(text)
        live, cold = found.tables['typical-live'], found.tables['typical-cold']
        self.assertEqual(['', 'Median', '95 %', 'Worst', 'Limit'], live[0])
        self.assertEqual(
            ['network', 'tcp', 'metadata', 'guest stopped'],
            [row[0] for row in live[1:]],
        )
        spread = distribution.Distribution.of(
            digest.durations(each)['network']['estimate']
            for _, each in run.migrations
            if each['kind'] == 'live'
        )
        for cell, number in zip(
            live[1][1:4], (spread.median, spread.percentile, spread.maximum)
        ):
            self.assertTrue(cell.startswith(f'{number:.3f} s '), cell)
        self.assertEqual('20 s: \u2714 kept', live[1][4])
        self.assertEqual('none', live[2][4])
        self.assertEqual(
            [
                'network',
                '\u2013',
                '\u2013',
                '8.000 s 7.990 to 8.010',
                '20 s: \u2714 kept',
            ],
            cold[1],
        )
        worst = [
            number
            for number, (_, each) in enumerate(run.migrations, 1)
            if digest.durations(each)['network']['estimate'] == spread.maximum
        ]
        self.assertIn(
            found.links['typical-live'][0],
            [f'#migration-{number}' for number in worst],
        )

    def test_not_kept_on_top(self):
        found = read(
            samples.run(
                samples.test(
                    samples.migration(0.1),
                    samples.migration(0.8),
                    samples.migration(
                        0.2,
                        limits=(
                            measurement.Limit(
                                'network', 'allowed_network_downtime', 20.0
                            ),
                        ),
                    ),
                )
            )
        )
        self.assertEqual(
            '0.5 to 20 s: 1 \u2716 not kept , 2 \u2714 kept',
            found.tables['typical-live'][1][4],
        )

    def test_watched(self):
        text = page.report(
            samples.run(
                samples.test(
                    samples.migration(
                        kind='watch', destination=None, source=None
                    )
                )
            ),
            'A title',
        )
        self.assertIn('1 migration (1 watched):', text)
        self.assertIn('typical-watch', Reader(text).tables)

    def test_nothing_was_measured_at_all(self):
        nothing = {**samples.gone(), 'guest_clock': None}
        del nothing['progress']
        text = page.report(samples.run(samples.test(nothing)), 'A title')
        self.assertIn('the guest was rebooted', text)
        self.assertNotIn('typical-live', Reader(text).tables)

    def test_limits_in_words(self):
        found = read(
            samples.run(
                samples.test(
                    samples.migration(
                        0.3,
                        limits=(
                            measurement.Limit('network', 'option_1', 0.5),
                            measurement.Limit(
                                'tcp', 'option_2', 0.1, longest=True
                            ),
                            measurement.Limit('metadata', 'option_3', 2.0),
                        ),
                    )
                )
            )
        )
        self.assertEqual(
            [
                [
                    'network',
                    '0.300 s (0.290 to 0.310)',
                    '\u2714 kept : at most 0.5 s option_1',
                ],
                [
                    'tcp, longest outage',
                    '0.150 s (0.140 to 0.160)',
                    '\u2716 not kept : at most 0.1 s option_2',
                ],
                [
                    'metadata',
                    'no measurement',
                    '? not measured : at most 2 s option_3',
                ],
                ['guest stopped', '0.100 s (0.089 to 0.111)', 'no limit'],
            ],
            found.tables['migration-1-limits'],
        )

    def test_no_outage_is_no_zero(self):
        """Nor is a limit kept that is finer than the resolution."""
        migration = samples.migration(
            measurements=(samples.timeline(0.0, 'metadata', interval=1.2),),
            clock=None,
            limits=(measurement.Limit('metadata', 'option', 1),),
        )
        text = page.report(samples.run(samples.test(migration)), 'A title')
        found = Reader(text)
        [row] = found.tables['migration-1-limits']
        self.assertEqual(
            [
                'metadata',
                'none longer than 1.200 s',
                (
                    '? not checked , it is finer than the resolution, 1.200 '
                    's: '
                    'at most 1 s option'
                ),
            ],
            row,
        )
        for table in ('worst', 'typical-live'):
            cells = sum(found.tables[table], [])
            self.assertIn('none longer than 1.200 s', cells)
            self.assertNotIn('0.000', ' '.join(cells))
        [points] = found.data['spread-1-data']['data']
        self.assertEqual([1.2], [round(x, 6) for x in points['x']])
        self.assertIn('none longer than 1.200 s', points['hovertext'][0])

    def test_size(self):
        """Little enough for a mail, with a figure for each of 42."""
        self.assertLess(
            len(page.report(samples.many(), 'A title').encode()), 1.5e6
        )

    def test_it_needs_nothing_else(self):
        """No address but those that Plotly's own text names."""
        found = read(samples.run(samples.test(samples.migration())))
        for tag, attributes in found.elements:
            for name in ('src', 'href', 'data', 'action'):
                self.assertTrue(
                    attributes.get(name, '#').startswith('#'),
                    (tag, attributes),
                )

    def test_a_watch_of_services(self):
        """What nothing was measured of has no column."""
        watched = [
            samples.migration(
                kind='watch', clock=None, measurements=(timeline,), server=name
            )
            for timeline, name in (
                (samples.timeline(0.5, 'http'), 'https://vip/'),
                (samples.timeline(0.1, 'dns'), 'a@ns'),
            )
        ]
        text = page.report(samples.run(samples.test(*watched)), 'A title')
        head, http, dns = Reader(text).tables['worst']
        self.assertEqual(['http', 'dns'], head[5:])
        self.assertIn('https://vip/', http)
        self.assertIn('a@ns', dns)
        self.assertIn('<h3>a@ns', text)
        self.assertNotIn('a@ns a@ns', text)

    def test_what_was_not_checked(self):
        text = page.report(
            samples.run(
                samples.test(
                    samples.migration(0.0, limits=(samples.TOO_FINE,))
                )
            ),
            'A title',
        )
        found = Reader(text)
        self.assertIn('? not checked', found.tables['worst'][1])
        self.assertEqual(
            '0.001 s: ? not checked', found.tables['typical-live'][1][4]
        )
        self.assertIn('is finer than the resolution', text)
        self.assertNotIn('within limits', text)

    def test_a_figure_for_each(self):
        found = read(
            samples.run(
                samples.test(
                    samples.migration(), samples.migration(0.0), samples.gone()
                )
            )
        )
        figures = [
            attributes['data-figure']
            for tag, attributes in found.elements
            if attributes.get('class') == 'figure'
        ]
        self.assertEqual(sorted(found.data), sorted(figures))
        self.assertEqual(
            3, sum(name.startswith('migration-') for name in figures)
        )
        for name in figures:
            self.assertEqual({'data', 'layout'}, set(found.data[name]))

    def test_names_are_escaped(self):
        text = page.report(
            samples.run(
                samples.test(
                    samples.migration(
                        server=EVIL, source=EVIL, destination=EVIL
                    ),
                    name=EVIL,
                    status='fail',
                    reason=EVIL,
                ),
                samples.test(name=EVIL, status='skip', reason=EVIL),
                facts={EVIL: {EVIL: EVIL, 'more': [{EVIL: EVIL}, EVIL]}},
            ),
            EVIL,
        )
        text = text[: text.index('<script>')] if '<script>' in text else text
        self.assertNotIn('<img', text)
        self.assertNotIn('"&', re.sub('"&(#|amp|lt|gt)', '', text))
        self.assertEqual(
            [], [tag for tag, _ in Reader(text).elements if tag == 'img']
        )

    def test_in_words(self):
        """All that a picture tells who can point at it."""
        text = page.report(
            samples.run(samples.test(samples.migration(0.3))), 'A title'
        )
        [words] = re.findall('<pre>(.*?)</pre>', text, re.DOTALL)
        self.assertIn('network           0.300 s', words)
        self.assertIn('running: from 0.0..0.2 s to ', words)
        self.assertIn('completed: from ', words)

    def test_what_measuring_cost_the_guest(self):
        migration = samples.migration()
        load = measurement.GuestLoad(0.04, 16.0, {'heartbeat': 2.4})
        self.assertNotIn(
            'of its processors',
            page.report(samples.run(samples.test(migration)), 'A title'),
        )
        migration['guest_load'] = load.to_dict()
        self.assertIn(
            f'<p class="quiet">{load.text()}</p>',
            page.report(samples.run(samples.test(migration)), 'A title'),
        )

    def test_settings(self):
        text = page.report(
            samples.run(samples.test(samples.migration())), 'A title'
        )
        self.assertIn(
            f'<p class="quiet">Settings: {samples.SETTINGS_TOLD}.</p>', text
        )
        [words] = re.findall('<pre>(.*?)</pre>', text, re.DOTALL)
        self.assertIn('settings         ' + samples.SETTINGS_TOLD, words)
        self.assertNotIn(
            'nova.conf has it',
            page.report(
                samples.run(samples.test(samples.migration(settings=()))),
                'A title',
            ),
        )

    def test_what_could_not_be_read(self):
        run = samples.run(samples.test(samples.migration()))
        self.assertNotIn('NOT READ', page.report(run, 'x'))
        self.assertIn(
            'NOT READ</span> m.T.one: &lt;cut&gt;',
            page.report(
                dataclasses.replace(run, problems=('m.T.one: <cut>',)), 'x'
            ),
        )

    def test_facts_and_what_was_not_measured(self):
        text = page.report(
            samples.run(
                samples.test(samples.migration()),
                samples.test(
                    name='m.T.test_none',
                    status='skip',
                    reason='No such option: [x] y',
                ),
            ),
            'A title',
        )
        for said in (
            '<dt>release</dt><dd>2026.2</dd>',
            'name compute1',
            '<dt>allowed_network_downtime</dt><dd>0.5</dd>',
            'T.<wbr>test_<wbr>none',
            'No such option: [x] y',
        ):
            self.assertIn(said, text)

    def test_older_records(self):
        """Without facts, limits, and a common axis of time."""
        migration = samples.migration()
        for name in (
            'limits',
            'complaints',
            'figures',
            'progress',
            'breakdown',
            'guest_clock',
            'kind',
        ):
            del migration[name]
        for each in migration['measurements']:
            for name in ('begin', 'gaps', 'method', 'clock'):
                del each[name]
            for outage in each['outages']:
                del outage['first_failure'], outage['last_failure']
        text = page.report(
            samples.run(samples.test(migration), facts={}), 'A title'
        )
        self.assertIn('no limit', text)
        self.assertIn('Nothing was recorded of the cloud', text)


class TestLibrary(testtools.TestCase):
    """plotly.js, as it lies in the package: tools/update_plotly.py."""

    def setUp(self):
        super().setUp()
        self.source = json.loads((page.PLOTLY / 'source.json').read_text())

    def test_it_is_what_it_was(self):
        self.assertEqual(
            {'plotly-basic.min.js', 'LICENSE'}, set(self.source['sha256'])
        )
        for name, wanted in self.source['sha256'].items():
            self.assertEqual(
                wanted,
                hashlib.sha256((page.PLOTLY / name).read_bytes()).hexdigest(),
            )

    def test_version_and_license(self):
        package, version = self.source['package'], self.source['version']
        code = (page.PLOTLY / 'plotly-basic.min.js').read_text()
        self.assertIn(f'plotly.js (basic - minified) v{version}\n', code[:200])
        self.assertIn('Licensed under the MIT license', code[:200])
        self.assertEqual('MIT', self.source['license'])
        self.assertTrue(
            self.source['url'].endswith(f'/{package}-{version}.tgz')
        )
        text = (page.PLOTLY / 'LICENSE').read_text()
        self.assertIn('MIT License', text)
        self.assertNotIn('--', text)  # it stands in a comment of the page

    def test_the_page_brings_it(self):
        text = page.report(
            samples.run(samples.test(samples.migration())), 'A title'
        )
        self.assertEqual(
            (page.PLOTLY / 'plotly-basic.min.js').read_bytes(),
            gzip.decompress(base64.b64decode(Reader(text).scripts['plotly'])),
        )
        self.assertIn((page.PLOTLY / 'LICENSE').read_text(), text)


class TestComparison(testtools.TestCase):
    def test_page(self):
        before, after = samples.before_and_after(name=EVIL)
        text = page.comparison(
            compare.compare(before, after, 0.05, 0.05),
            'A title',
            (EVIL, 'after'),
        )
        found = Reader(text)
        self.assertIn('WORSE: network in', text)
        self.assertEqual(
            [], [tag for tag, _ in found.elements if tag == 'img']
        )
        self.assertEqual(
            3,
            sum(
                attributes.get('class') == 'figure'
                for _, attributes in found.elements
            ),
        )
