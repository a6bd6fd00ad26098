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
"""A headless Chromium, driven by selenium.

Neither is a requirement of the plugin: it can be imported without them.
"""

import shutil

import fixtures

try:
    from selenium.common import exceptions
    from selenium import webdriver
    from selenium.webdriver.chrome import service
    from selenium.webdriver.common import by
    from selenium.webdriver.support import wait
except ImportError:
    webdriver = None

CHROMIUM, DRIVER = map(shutil.which, ('chromium', 'chromedriver'))

# Its own services are of no use here, and would look for the network.
OPTIONS = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--hide-scrollbars',
    '--accept-lang=en-US',
    '--window-size=1280,1024',
)

#: Seconds within which a page must be as it is waited for.
PATIENCE = 60


def missing():
    """What is not installed of all that it takes, as words; '' if nothing."""
    return ', '.join(
        name
        for name, found in (
            ('selenium', webdriver),
            ('chromium', CHROMIUM),
            ('chromedriver', DRIVER),
        )
        if not found
    )


class Chromium(fixtures.Fixture):
    """A headless Chromium of its own, without a past.

    :ivar driver: selenium's WebDriver
    :ivar run: runs JavaScript in the page and returns what it returns
    """

    def _setUp(self):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for option in OPTIONS:
            options.add_argument(option)
        options.add_argument(
            '--user-data-dir=' + self.useFixture(fixtures.TempDir()).path
        )
        options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
        self.driver = webdriver.Chrome(options, service.Service(DRIVER))
        self.addCleanup(self.driver.quit)
        self.run = self.driver.execute_script

    def complaints(self):
        """What the browser has logged of the page since it was last asked."""
        return self.driver.get_log('browser')

    def find(self, selector, inside=None):
        """The elements of a CSS selector.

        :param inside: an element that they are in; the page by default
        """
        return (inside or self.driver).find_elements(
            by.By.CSS_SELECTOR, selector
        )

    def wait(self, condition, otherwise):
        """Wait until the condition is true, and return its value.

        :param condition: called again and again
        :param otherwise: the text of the error, or what makes it when called
        :raises AssertionError: if it is not within PATIENCE seconds
        """
        waiting = wait.WebDriverWait(self.driver, PATIENCE, 0.05)
        try:
            return waiting.until(lambda _: condition())
        except exceptions.TimeoutException:
            raise AssertionError(
                otherwise() if callable(otherwise) else otherwise
            ) from None
