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
"""Which database is meant, and that its password is told to nobody."""

import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import database


class TestConnection(testtools.TestCase):
    def test_parts(self):
        found = database.Connection.parse(
            'mysql+pymysql://nova:p%40ss@192.0.2.1:3307/nova_cell1?charset='
            'utf8'
        )
        self.assertEqual(
            database.Connection(
                '192.0.2.1', 3307, 'nova', 'p@ss', 'nova_cell1'
            ),
            found,
        )

    def test_default_port_and_ipv6(self):
        found = database.Connection.parse('mysql://nova:x@[2001:db8::1]/nova')
        self.assertEqual(('2001:db8::1', 3306), (found.address, found.port))

    def test_password_is_not_told(self):
        found = database.Connection.parse('mysql://nova:s3cret@one/nova')
        self.assertNotIn('s3cret', str(found) + repr(found))
        self.assertEqual('database nova of nova at one:3306', str(found))

    def refuse(self, url):
        error = self.assertRaises(
            exceptions.ConfigurationError, database.Connection.parse, url
        )
        self.assertNotIn('s3cret', str(error))
        self.assertIn('mysql+pymysql://USER', str(error))

    def test_what_it_is_not(self):
        self.refuse('postgresql://nova:s3cret@one/nova')
        self.refuse('mysql://nova:s3cret@one')
        self.refuse('mysql://nova:s3cret@one:many/nova')
        self.refuse('sqlite:////s3cret')
        self.refuse('')


class TestErrors(testtools.TestCase):
    def test_nobody_there(self):
        where = database.Connection.parse('mysql://me:s3cret@127.0.0.1:1/nova')
        error = self.assertRaises(
            exceptions.DatabaseError,
            database.Database(where, patience=2).rows,
            'SELECT 1',
        )
        self.assertIn('database nova of me at 127.0.0.1:1', str(error))
        self.assertNotIn('s3cret', str(error))
