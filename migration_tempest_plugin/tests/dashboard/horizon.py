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
"""Horizon's pages, as far as the tests use them.

What is looked for is how Horizon 27.0.0 marks things in its pages: the
identifiers of a table's rows and actions (horizon/tables), and the directive
metadata-tree of the dialog (horizon/static/framework/widgets/metadata/tree).
"""


class Horizon:
    """Horizon in a browser.

    :param browser: a chromium.Chromium
    :param url: where Horizon is, with the slash at its end or without
    """

    def __init__(self, browser, url):
        self._browser = browser
        self._url = url.rstrip('/')

    def log_in(self, credentials):
        """Log in as a user, by name and password.

        :param credentials: Tempest's, of a user of the default domain
        :raises AssertionError: if Horizon does not let the user in
        """
        self._open('/auth/login/')
        for field, value in (
            ('domain', credentials.user_domain_name),
            ('username', credentials.username),
            ('password', credentials.password),
        ):
            # only a Horizon of several domains asks for one
            for found in self._browser.find(f'input#id_{field}'):
                found.clear()
                found.send_keys(value)
        [button] = self._browser.find('#loginBtn')
        button.click()
        self._browser.wait(
            lambda: '/auth/login' not in self._browser.driver.current_url,
            lambda: f'Horizon lets nobody in: {self._said()}',
        )

    def flavor_metadata(self, flavor):
        """Admin > Compute > Flavors, then Update Metadata of a row.

        :param flavor: its identifier
        :returns: the MetadataDialog that opens
        :raises AssertionError: if there is no such row, or no dialog
        """
        self._open('/admin/flavors/')
        row = self._browser.wait(
            lambda: self._row(flavor), f'Horizon shows no flavor {flavor}'
        )
        [action] = self._browser.find('[id$="__action_update_metadata"]', row)
        if not action.is_displayed():  # the first one alone is no menu's
            self._browser.find('.dropdown-toggle', row)[0].click()
        action.click()
        return MetadataDialog(self._browser)

    def _row(self, identifier):
        """A row of the page's table, after those of the pages before it."""
        found = self._browser.find(f'tr[data-object-id="{identifier}"]')
        if found:
            return found[0]
        for following in self._browser.find('tfoot a[href^="?marker="]'):
            following.click()
        return None

    def _open(self, path):
        self._browser.driver.get(self._url + path)

    def _said(self):
        return ' '.join(each.text for each in self._browser.find('.alert'))


class MetadataDialog:
    """The dialog of what is available, and of what is set.

    :param browser: a chromium.Chromium whose page is about to show it
    :raises AssertionError: if it does not come up
    """

    def __init__(self, browser):
        self._browser = browser
        browser.wait(self._is_there, 'The dialog of metadata did not open')

    def choose(self, namespace, title, name):
        """Take one of the definitions over to what is set.

        :param namespace: the title of the definitions that it is among
        :param title: its own
        :param name: of the setting
        :returns: its MetadataField
        :raises AssertionError: if there is no such definition
        """
        self._available(namespace).click()
        chosen = self._available(title)
        chosen.click()
        [add] = self._browser.find('a.btn', chosen)
        add.click()
        return self.field(name)

    def field(self, name):
        """What is set, by the name of the setting."""
        found = self._browser.wait(
            lambda: [
                each
                for each in self._browser.find('.modal metadata-tree-item')
                if self._browser.find(f'[title="{name}"]', each)
            ],
            f'The dialog has no {name} that is set',
        )
        return MetadataField(self._browser, found[0])

    @property
    def help(self):
        """What stands below, of the definition that was clicked at last."""
        [well] = self._browser.find('.modal .well')
        return well.text

    @property
    def can_be_saved(self):
        """Whether the button to save can be pressed."""
        return self._button().is_enabled()

    def save(self):
        """Press the button, and wait until the page has been loaded again.

        :raises AssertionError: if the dialog stays
        """
        # of this page alone: the next one has it no more
        self._browser.run('window.migrationTests = true')
        self._button().click()
        self._browser.wait(
            lambda: self._browser.run(
                'return document.readyState === "complete" && '
                '!window.migrationTests'
            ),
            'The dialog of metadata stays open',
        )

    def _is_there(self):
        # A click at what still slides in may come down beside it.
        return self._browser.find('.modal.in metadata-tree .well') and (
            self._browser.run(
                'return document.querySelector(".modal.in")'
                '.getAnimations({subtree: true}).length === 0'
            )
        )

    def _available(self, text):
        """The line of a definition, or of a namespace of them."""

        def lines():
            return [
                each
                for each in self._browser.find('.modal li[class*="level-"]')
                if each.text == text
            ]

        return self._browser.wait(lines, f'Horizon offers no metadata {text}')[
            0
        ]

    def _button(self):
        [button] = self._browser.find('.modal-footer .btn-primary')
        return button


class MetadataField:
    """One setting in the dialog."""

    def __init__(self, browser, item):
        self._browser = browser
        self._item = item

    @property
    def value(self):
        """What stands in it, as text."""
        return self._input().get_attribute('value')

    @value.setter
    def value(self, text):
        field = self._input()
        field.clear()
        field.send_keys(text)

    @property
    def complaint(self):
        """What stands below it if it can't be saved; '' if nothing does."""
        return ' '.join(
            each.text
            for each in self._browser.find('.label-danger', self._item)
        )

    def _input(self):
        [field] = self._browser.find('[name="property"]', self._item)
        return field
