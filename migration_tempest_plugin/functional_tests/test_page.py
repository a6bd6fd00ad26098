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
"""The page of a report, in a real browser: looked at, and used."""

import base64
import dataclasses
import io
import pathlib
import time

import fixtures
from PIL import Image
from PIL import ImageStat
from selenium import webdriver
from selenium.webdriver.common import by
import testtools
from testtools import content
from testtools import content_type

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.report import compare
from migration_tempest_plugin.report import page
from migration_tempest_plugin.tests import chromium
from migration_tempest_plugin.unit_tests.report import samples

#: The colour of the network's outages (report/picture.py).
NETWORK = (0xD5, 0x5E, 0x00)

#: The bars of outages: those of the first trace are the band of round trips.
OUTAGES = '.barlayer .trace:nth-child(2) .point path'

#: WCAG 2: what text needs to be read by most.
CONTRAST = 4.5

#: Pixels of CSS on A4 (210 mm) between margins of 1 cm.
PAPER = 717

LONG = 'm.tests.TestLiveMigrationAutoBlock.test_' + 'live_migration_' * 4


class Browser(chromium.Chromium):
    """A headless Chromium with a window of a width.

    :param width: of its window, in pixels of CSS
    """

    def __init__(self, width, dark=False):
        self._width = width
        self._dark = dark

    def _setUp(self):
        super()._setUp()
        self._device(900)
        self.media(self._dark)

    def media(self, dark, kind='screen'):
        """Let the page believe that it is shown, or printed."""
        self.driver.execute_cdp_cmd(
            'Emulation.setEmulatedMedia',
            {
                'media': kind,
                'features': [
                    {
                        'name': 'prefers-color-scheme',
                        'value': 'dark' if dark else 'light',
                    }
                ],
            },
        )

    def _device(self, height):
        self.driver.execute_cdp_cmd(
            'Emulation.setDeviceMetricsOverride',
            {
                'width': self._width,
                'height': height,
                'deviceScaleFactor': 1,
                'mobile': self._width < 500,
            },
        )

    def open(self, path):
        """Open a page, and wait until all is drawn."""
        self.driver.get(f'file://{path}')
        self.wait(
            lambda: self.run('return document.documentElement.dataset.ready'),
            lambda: str(self.complaints()),
        )

    def screenshot(self, element):
        """What is seen of an element, as PNG."""
        self.run('arguments[0].scrollIntoView()', element)
        return element.screenshot_as_png


class PageTest(testtools.TestCase):
    def setUp(self):
        super().setUp()
        if chromium.missing():
            self.skipTest(
                f'not installed: {chromium.missing()} (bindep functional)'
            )
        self.page = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path, 'page.html'
        )

    def open(self, width, dark=False):
        browser = self.useFixture(Browser(width, dark))
        browser.open(self.page)
        return browser

    def picture(self, browser, element):
        """A screenshot, which becomes a detail of the test."""
        data = browser.screenshot(element)
        self.addDetailUniqueName(
            'screenshot',
            content.Content(
                content_type.ContentType('image', 'png'), lambda: [data]
            ),
        )
        return Image.open(io.BytesIO(data)).convert('RGB')

    def assert_fits(self, browser, width):
        """Nothing has to be scrolled for sideways."""
        self.assertEqual(
            [width, width],
            browser.run(
                'return [document.documentElement.scrollWidth, '
                'document.body.scrollWidth].map(function (each) {'
                f' return Math.max(each, {width}); }})'
            ),
        )

    def assert_drawn(self, browser):
        """Each figure is, as plotly.js understands it, and has its width."""
        figures = browser.find('.figure')
        for figure in figures:
            self.assertEqual('yes', figure.get_attribute('data-drawn'))
            self.assertEqual([], browser.run(_MISUNDERSTOOD, figure))
            whole, plot = browser.run(
                'return [arguments[0].clientWidth,'
                ' arguments[0]._fullLayout.xaxis._length]',
                figure,
            )
            self.assertGreaterEqual(plot, whole / 2)
            self.assert_no_name_is_cut(browser, figure)
        return figures

    def assert_no_name_is_cut(self, browser, figure):
        self.assertEqual([], browser.run(_CUT, figure))


def pixels(image, colour):
    """How many pixels are nearly of a colour."""
    return sum(
        count
        for count, found in image.getcolors(1 << 24)
        if all(abs(a - b) < 12 for a, b in zip(found, colour))
    )


class TestReport(PageTest):
    def setUp(self):
        super().setUp()
        self.page.write_text(
            page.report(
                samples.run(
                    samples.test(
                        samples.migration(0.3),
                        samples.migration(0.8),
                        samples.migration(0.0),
                        name=LONG,
                    ),
                    samples.test(
                        samples.gone(),
                        status='fail',
                        reason='Error: ' + 'too_long' * 20,
                    ),
                ),
                'A title',
            ),
            encoding='utf-8',
        )

    def test_widths(self):
        for width in (1280, 390):
            browser = self.open(width)
            self.assertEqual([], browser.complaints())
            self.assert_fits(browser, width)
            self.assertEqual(3 + 4, len(self.assert_drawn(browser)))
            image = self.picture(
                browser, browser.find('section.migration .figure')[2]
            )
            self.assertGreater(pixels(image, NETWORK), 30)

    def test_widths_of_many(self):
        """And of lanes with the longest names that there are."""
        migration = samples.migration(
            measurements=(
                samples.timeline(0.3),
                exceptions.NoMeasurement('no answer'),
                dataclasses.replace(
                    samples.timeline(0.2, 'metadata'), clock='neighbour'
                ),
                samples.timeline(0.2, 'a_name_' * 9),
            )
        )
        tests = samples.many().tests
        self.page.write_text(
            page.report(
                samples.run(
                    tests[0], tests[-1], samples.test(migration, name=LONG)
                ),
                'A title',
            ),
            encoding='utf-8',
        )
        for width in (1280, 390):
            browser = self.open(width)
            self.assertEqual([], browser.complaints())
            self.assert_fits(browser, width)
            self.assertEqual(4 + 7, len(self.assert_drawn(browser)))

    def test_cold_ones_squeeze_nothing(self):
        """Beside 8 s, points of 0.05 to 0.3 s are apart."""
        tests = samples.many().tests
        self.page.write_text(
            page.report(samples.run(tests[0], *tests[-2:]), 'A title'),
            encoding='utf-8',
        )
        browser = self.open(390)
        *live, cold, _ = sorted(
            browser.run(_POINTS, browser.find('.figure')[0])
        )
        self.assertEqual(5, len(live))
        self.assertGreater(live[-1] - live[0], 390 / 6)
        self.assertGreater(cold - live[-1], 390 / 6)

    def test_a_long_limit_squeezes_nothing(self):
        """The outage is as wide beside 20 s as beside 0.5 s."""
        self.page.write_text(
            page.report(
                samples.run(
                    samples.test(
                        *(
                            samples.migration(
                                0.3,
                                limits=(
                                    measurement.Limit(
                                        'network', 'an_option', seconds
                                    ),
                                ),
                            )
                            for seconds in (0.5, 20)
                        )
                    )
                ),
                'A title',
            ),
            encoding='utf-8',
        )
        browser = self.open(390)
        widths = [
            browser.run(
                f'return arguments[0].querySelector("{OUTAGES}")'
                '.getBoundingClientRect().width',
                figure,
            )
            for figure in browser.find('section.migration .figure')
        ]
        self.assertEqual(2, len(widths))
        self.assertGreater(widths[0], 20)
        self.assertAlmostEqual(widths[0], widths[1], delta=0.5)

    def test_an_old_browser(self):
        """It says that there are no pictures, and shows all the rest."""
        browser = self.useFixture(Browser(390))
        browser.driver.execute_cdp_cmd(
            'Page.addScriptToEvaluateOnNewDocument',
            {'source': 'delete window.DecompressionStream'},
        )
        browser.driver.get(f'file://{self.page}')
        self.assertEqual([], browser.complaints())
        for figure in browser.find('.figure'):
            self.assertIn('too old to draw', figure.text)
        self.assertIn('0.300 s', browser.find('#worst')[0].text)

    def test_a_finger_scrolls(self):
        browser = self.useFixture(Browser(390))
        for touch in (False, True):
            browser.driver.execute_cdp_cmd(
                'Emulation.setTouchEmulationEnabled', {'enabled': touch}
            )
            browser.open(self.page)
            self.assertEqual(
                not touch,
                browser.run(
                    'return arguments[0]._fullLayout.dragmode === "zoom"',
                    browser.find('.figure')[0],
                ),
            )

    def test_names_are_text(self):
        """Whatever they are: nothing of them becomes a part of the page."""
        evil = (
            '</script><a href="javascript:alert(1)">x</a>'
            '<img src=x onerror=alert(1)>&lt;b>'
        )
        migration = samples.migration(
            server=evil, source=evil, destination='compute2'
        )
        migration['measurements'][0]['what'] = evil
        migration['measurements'][0]['target'] = evil
        migration['limits'][0].update(what=evil, option=evil)
        migration['progress']['phases'][0]['name'] = evil
        self.page.write_text(
            page.report(
                samples.run(
                    samples.test(
                        migration, samples.migration(source=evil), name=evil
                    )
                ),
                evil,
            ),
            encoding='utf-8',
        )
        browser = self.open(1280)
        self.assertEqual([], browser.complaints())
        self.assertEqual([], browser.find('img, .figure a, b'))
        self.assertEqual(
            ['#'],
            sorted(
                {
                    each.get_attribute('href')
                    .rpartition('/')[2]
                    .partition('page.html')[2][:1]
                    for each in browser.find('a')
                }
            ),
        )
        shown = ''.join(
            each.text
            for each in browser.find('.annotation-text')[0].find_elements(
                by.By.XPATH, '*'
            )
        )
        # a line of a name ends where there was a blank
        self.assertEqual(evil.replace(' ', ''), shown.replace(' ', ''))

    def test_legend(self):
        """A curve goes when its name is clicked at."""
        browser = self.open(1280)
        figure = browser.find('section.migration .figure')[1]
        browser.run('arguments[0].scrollIntoView()', figure)
        shown = (
            'return arguments[0]._fullData.filter(function (each) {'
            ' return each.visible === true; }).length'
        )
        before = browser.run(shown, figure)
        figure.find_elements(by.By.CSS_SELECTOR, '.legend2toggle')[0].click()
        give_up = time.monotonic() + chromium.PATIENCE
        while browser.run(shown, figure) != before - 1:
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.05)

    def test_the_worst_is_first(self):
        browser = self.open(1280)
        verdicts = [each.text for each in browser.find('#worst .verdict')]
        self.assertEqual(
            [
                '? no measurement',
                '\u2716 over the limit',
                '\u2714 within limits',
                '\u2714 within limits',
            ],
            verdicts,
        )
        browser.find('#worst a')[1].click()
        self.assertTrue(browser.driver.current_url.endswith('#migration-2'))

    def test_zoom_and_hover(self):
        browser = self.open(1280)
        figure = browser.find('section.migration .figure')[1]
        browser.run('arguments[0].scrollIntoView()', figure)
        shown = 'return arguments[0]._fullLayout.xaxis.range'
        begin, end = browser.run(shown, figure)
        self.assertLessEqual(begin, 0)
        self.assertGreater(end, 1.7)
        _, whole, outages = figure.find_elements(
            by.By.CSS_SELECTOR, '.updatemenu-button'
        )
        outages.click()
        # half a second after the request, for 0.8 s, and a quarter around it
        begin, end = browser.run(shown, figure)
        self.assertAlmostEqual(0.29, begin, delta=0.02)
        self.assertAlmostEqual(1.50, end, delta=0.02)
        [mark, *_] = figure.find_elements(
            by.By.CSS_SELECTOR, '.scatterlayer .point'
        )
        webdriver.ActionChains(browser.driver).move_to_element(mark).perform()
        give_up = time.monotonic() + chromium.PATIENCE
        while not figure.find_elements(by.By.CSS_SELECTOR, '.hovertext'):
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.05)
        whole.click()
        self.assertLessEqual(browser.run(shown, figure)[0], 0)

    def test_without_colours(self):
        """Certain and possible differ by more than their colour."""
        self.page.write_text(
            page.report(
                samples.run(
                    samples.test(
                        samples.migration(
                            measurements=(
                                samples.timeline(3.0, interval=1.0),
                            ),
                            clock=None,
                            progress=None,
                            limits=(),
                        )
                    )
                ),
                'A title',
            ),
            encoding='utf-8',
        )
        browser = self.open(1280)
        figure = browser.find('section.migration .figure')[0]
        figure.find_elements(by.By.CSS_SELECTOR, '.updatemenu-button')[
            1
        ].click()
        possible, certain = self.bars(browser, figure)
        give_up = time.monotonic() + chromium.PATIENCE
        while certain[0] - possible[0] < 70:
            self.assertLess(time.monotonic(), give_up)
            possible, certain = self.bars(browser, figure)
        image = self.picture(browser, figure).convert('L')
        hatched, filled = (
            ImageStat.Stat(
                image.crop(
                    [
                        round(each)
                        for each in (left + 4, top + 4, left + 60, top + 10)
                    ]
                )
            ).stddev[0]
            for left, top in (possible, certain)
        )
        self.assertLess(filled, hatched / 2)
        self.assertGreater(hatched, 30)

    def bars(self, browser, figure):
        """Where the bars of an outage are: possibly, and certainly down."""
        return browser.run(
            """
            var own = arguments[0].getBoundingClientRect();
            return Array.from(arguments[0].querySelectorAll(
                arguments[1])).map(function (path) {
                    var box = path.getBoundingClientRect();
                    return [box.left - own.left, box.top - own.top]; });
            """,
            figure,
            OUTAGES,
        )

    def test_dark_and_light_can_be_read(self):
        for dark in (False, True):
            browser = self.open(1280, dark)
            for selector in (
                'h1',
                '.quiet',
                '.bad',
                '.figure .xtick text',
                '.figure .ytick text',
                'summary',
                'td',
            ):
                for ink, paper in browser.run(_COLOURS, selector):
                    self.assertGreater(
                        contrast(ink, paper), CONTRAST, (selector, ink, paper)
                    )
            paper = browser.run(
                'return getComputedStyle(document.body).backgroundColor'
            )
            self.assertEqual(dark, luminance(paper) < 0.2)

    def test_printed(self):
        """Light, no wider than the paper, and with all that is folded."""
        browser = self.open(PAPER, dark=True)
        browser.media(dark=True, kind='print')
        folded = browser.find('details:not([open])')
        self.assertGreater(len(folded), 3)
        browser.run('window.dispatchEvent(new Event("beforeprint"))')
        self.assert_fits(browser, PAPER)
        self.assertEqual([], browser.find('details:not([open])'))
        for figure in browser.find('.figure'):
            self.assertEqual(
                690,
                browser.run('return arguments[0]._fullLayout.width', figure),
            )
            self.assertEqual(
                '#1b1b1b',
                browser.run(
                    'return arguments[0]._fullLayout.font.color', figure
                ),
            )
        browser.run('window.dispatchEvent(new Event("afterprint"))')
        self.assertEqual(folded, browser.find('details:not([open])'))
        for figure in browser.find('.figure'):
            self.assertEqual(
                figure.size['width'],
                round(
                    browser.run(
                        'return arguments[0]._fullLayout.width', figure
                    )
                ),
            )
        pdf = base64.b64decode(
            browser.driver.execute_cdp_cmd('Page.printToPDF', {})['data']
        )
        self.assertTrue(pdf.startswith(b'%PDF'))

    def test_offline(self):
        """It asks for nothing, and brings all along."""
        browser = self.open(1280)
        self.assertEqual(
            [],
            browser.run(
                'return performance.getEntriesByType("resource").map('
                'function (each) { return each.name; })'
            ),
        )


class TestComparison(PageTest):
    def test_widths(self):
        before, after = samples.before_and_after(name=LONG)
        self.page.write_text(
            page.comparison(
                compare.compare(before, after, 0.05, 0.05),
                'A title',
                ('before', 'after'),
            ),
            encoding='utf-8',
        )
        for width in (1280, 390):
            browser = self.open(width)
            self.assertEqual([], browser.complaints())
            self.assert_fits(browser, width)
            self.assertEqual(3, len(self.assert_drawn(browser)))
            image = self.picture(browser, browser.find('.figure')[0])
            self.assertGreater(pixels(image, NETWORK), 30)
            self.assertGreater(pixels(image, (0x00, 0x72, 0xB2)), 30)


# What of a figure plotly.js does not know, or ignores; it calls the arguments
# of a button dynamic.
_MISUNDERSTOOD = """
return (Plotly.validate(arguments[0].data, arguments[0].layout) || []).filter(
    function (each) { return each.code !== 'dynamic'; }).map(
    function (each) { return each.msg; });
"""

# The texts that are not all within their figure.
_CUT = """
var figure = arguments[0].getBoundingClientRect();
return Array.from(arguments[0].querySelectorAll(
    '.ytick text, .xtick text, .annotation-text,' +
    '[class^=legend][class$=text]')).filter(function (text) {
        var box = text.getBoundingClientRect();
        return box.width && (box.left < figure.left - 1 ||
                             box.right > figure.right + 1);
    }).map(function (text) { return text.textContent; });
"""

# Where the points of a figure are, from its left, but for lines of medians.
_POINTS = """
var traces = arguments[0].calcdata.filter(function (each) {
    return Array.isArray((each[0].trace.marker || {}).symbol); });
var axis = arguments[0]._fullLayout.xaxis;
return traces.flat().map(function (each) { return axis.c2p(each.x); });
"""

# Of each element, its own colour and that of what is behind it.
_COLOURS = """
return Array.from(document.querySelectorAll(arguments[0])).map(
    function (element) {
        var style = getComputedStyle(element);
        return [element.ownerSVGElement ? style.fill : style.color,
                getComputedStyle(document.body).backgroundColor];
    });
"""


def luminance(colour):
    """WCAG 2, "relative luminance", of a colour as CSS computes it."""
    numbers = [
        float(each)
        for each in colour[colour.index('(') + 1 : colour.index(')')].split(
            ','
        )[:3]
    ]
    linear = [
        each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4
        for each in (number / 255 for number in numbers)
    ]
    return sum(
        map(
            lambda weight, each: weight * each,
            (0.2126, 0.7152, 0.0722),
            linear,
        )
    )


def contrast(one, other):
    """WCAG 2, "contrast ratio"."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)
