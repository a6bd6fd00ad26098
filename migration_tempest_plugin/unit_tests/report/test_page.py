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

import html.parser
import json
import re

import testtools

from migration_tempest_plugin.report import compare
from migration_tempest_plugin.report import page
from migration_tempest_plugin.unit_tests.report import samples

EVIL = '</script><img src=x onerror=alert(1)>\'"&'


class Reader(html.parser.HTMLParser):
    """The elements of a page, and what stands in the first table."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.cells = []
        self.data = {}
        self._id = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        self._id = attributes.get('id') if tag == 'script' else None
        if tag in ('tr', 'td'):
            self.cells.append('')

    def handle_data(self, data):
        if self._id:
            self.data[self._id] = self.data.get(self._id, '') + data
        elif self.cells:
            self.cells[-1] += ' '.join(data.split())


def read(run, title='A title'):
    return Reader(page.report(run, title))


class TestReport(testtools.TestCase):

    def test_the_worst_is_first(self):
        found = read(samples.run(
            samples.test(samples.migration(0.1, server='good'),
                         samples.migration(0.9, server='bad')),
            samples.test(samples.gone(), name='m.T.test_gone')))
        servers = [attributes['href'] for tag, attributes in found.elements
                   if tag == 'a']
        self.assertEqual(['#migration-3', '#migration-2', '#migration-1'],
                         servers)

    def test_it_needs_nothing_else(self):
        """No address but those that Plotly's own text names."""
        found = read(samples.run(samples.test(samples.migration())))
        for tag, attributes in found.elements:
            for name in ('src', 'href', 'data', 'action'):
                self.assertTrue(
                    attributes.get(name, '#').startswith('#'),
                    (tag, attributes))

    def test_what_was_not_checked(self):
        found = read(samples.run(samples.test(samples.migration(
            0.0, limits=(samples.TOO_FINE,)))))
        text = ' '.join(found.cells)
        self.assertIn('? not checked', text)
        self.assertIn('is finer than the resolution', text)
        self.assertNotIn('within limits', text)

    def test_a_figure_for_each(self):
        found = read(samples.run(samples.test(
            samples.migration(), samples.migration(0.0), samples.gone())))
        figures = [attributes['data-figure'] for tag, attributes
                   in found.elements if attributes.get('class') == 'figure']
        self.assertEqual(sorted(found.data), sorted(figures))
        self.assertEqual(3, sum(name.startswith('migration-')
                                for name in figures))
        for name in figures:
            self.assertIn('data', json.loads(found.data[name]))

    def test_names_are_escaped(self):
        text = page.report(samples.run(
            samples.test(samples.migration(
                server=EVIL, source=EVIL, destination=EVIL),
                name=EVIL, status='fail', reason=EVIL),
            samples.test(name=EVIL, status='skip', reason=EVIL),
            facts={EVIL: {EVIL: EVIL, 'more': [{EVIL: EVIL}, EVIL]}}), EVIL)
        text = text[:text.index('<script>')] if '<script>' in text else text
        self.assertNotIn('<img', text)
        self.assertNotIn('"&', re.sub('"&(#|amp|lt|gt)', '', text))
        self.assertEqual([], [tag for tag, _ in Reader(text).elements
                              if tag == 'img'])

    def test_in_words(self):
        """All that a picture tells who can point at it."""
        text = page.report(samples.run(samples.test(samples.migration(0.3))),
                           'A title')
        [words] = re.findall('<pre>(.*?)</pre>', text, re.DOTALL)
        self.assertIn('network           0.300 s', words)
        self.assertIn('running: from 0.0..0.2 s to ', words)
        self.assertIn('completed: from ', words)

    def test_facts_and_what_was_not_measured(self):
        text = page.report(samples.run(
            samples.test(samples.migration()),
            samples.test(name='m.T.test_none', status='skip',
                         reason='No such option: [x] y')), 'A title')
        for said in (
                '<dt>release</dt><dd>2026.2</dd>', 'name compute1',
                '<dt>allowed_network_downtime</dt><dd>0.5</dd>',
                'T.<wbr>test_<wbr>none', 'No such option: [x] y'):
            self.assertIn(said, text)

    def test_older_records(self):
        """Without facts, limits, and a common axis of time."""
        migration = samples.migration()
        for name in ('limits', 'complaints', 'figures', 'progress',
                     'breakdown', 'guest_clock', 'kind'):
            del migration[name]
        for each in migration['measurements']:
            for name in ('begin', 'gaps', 'method', 'clock'):
                del each[name]
            for outage in each['outages']:
                del outage['first_failure'], outage['last_failure']
        text = page.report(samples.run(samples.test(migration), facts={}),
                           'A title')
        self.assertIn('no limit', text)
        self.assertIn('Nothing was recorded of the cloud', text)


class TestComparison(testtools.TestCase):

    def test_page(self):
        before, after = (samples.run(samples.test(*(
            samples.migration(down + more)
            for down in (.1, .11, .12, .13, .14)), name=EVIL))
            for more in (0.0, 0.3))
        text = page.comparison(compare.compare(before, after, 0.05, 0.05),
                               'A title', (EVIL, 'after'))
        found = Reader(text)
        self.assertIn('WORSE: network in', text)
        self.assertEqual([], [tag for tag, _ in found.elements
                              if tag == 'img'])
        self.assertEqual(3, sum(attributes.get('class') == 'figure'
                                for _, attributes in found.elements))
