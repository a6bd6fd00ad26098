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
"""The database of a Nova cell: rows that a query gives, and no more.

Read only: the session itself refuses to write.
"""

import collections.abc
import contextlib
import dataclasses
import urllib.parse

import paramiko
import pymysql
import pymysql.cursors

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import ssh

_READ_ONLY = 'SET SESSION TRANSACTION READ ONLY'


@dataclasses.dataclass(frozen=True)
class Connection:
    """Where a database is, and who asks it.

    :ivar name: of the database on its server
    """

    address: str
    port: int
    user: str
    password: str = dataclasses.field(repr=False)
    name: str

    @classmethod
    def parse(cls, url: str) -> 'Connection':
        """Read an URL as it is in nova.conf, [database] connection.

        :raises ConfigurationError: if it is none of MySQL or MariaDB; it does
            not say the password
        """
        parts: urllib.parse.SplitResult | None
        port = 3306
        try:
            parts = urllib.parse.urlsplit(url)
            port = parts.port or port
        except ValueError:
            parts = None
        name = parts.path.strip('/') if parts else ''
        if (
            not parts
            or not name
            or not parts.hostname
            or parts.scheme.partition('+')[0] not in ('mysql', 'mariadb')
        ):
            raise exceptions.ConfigurationError(
                'Not the connection of a database of MySQL or MariaDB: use '
                'mysql+pymysql://USER:PASSWORD@HOST/NAME'
            )
        return cls(
            parts.hostname,
            port,
            urllib.parse.unquote(parts.username or ''),
            urllib.parse.unquote(parts.password or ''),
            name,
        )

    def __str__(self) -> str:
        return (
            f'database {self.name} of {self.user} at '
            f'{self.address}:{self.port}'
        )


class Database:
    """Asks one database.

    :param connection: the Connection
    :param host: the Host whose SSH server leads to it, or None
    :param patience: seconds within which it must answer
    """

    def __init__(
        self,
        connection: Connection,
        host: ssh.Host | None = None,
        patience: float = 60,
    ) -> None:
        self._connection = connection
        self._host = host
        self._patience = patience

    def rows(self, query: str, *values: object) -> list[dict[str, object]]:
        """What a query gives, a dict for each row.

        :param query: in SQL, with %s where the values stand
        :param values: they are never part of the SQL: the driver puts them in
        :raises DatabaseError: if it can't be asked, or refuses
        :raises HostError: if the host that leads to it can't be reached
        """
        with self._connected() as database, database.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())

    @contextlib.contextmanager
    def _connected(self) -> collections.abc.Iterator[pymysql.Connection]:
        with contextlib.ExitStack() as stack:
            way = self._way(stack)
            try:
                database = self._connect(way)
                stack.callback(database.close)
                yield database
            except (pymysql.MySQLError, OSError) as error:
                raise exceptions.DatabaseError(
                    f'{self._connection}{self._through()}: {error}'
                ) from error

    def _way(self, stack: contextlib.ExitStack) -> paramiko.Channel | None:
        """The socket to it, or None to leave that to the driver."""
        if not self._host:
            return None
        return stack.enter_context(
            self._host.tunnel(self._connection.address, self._connection.port)
        )

    def _connect(self, way: paramiko.Channel | None) -> pymysql.Connection:
        where = self._connection
        database = pymysql.connect(
            host=where.address,
            port=where.port,
            user=where.user,
            password=where.password,
            database=where.name,
            charset='utf8mb4',
            connect_timeout=self._patience,
            read_timeout=self._patience,
            init_command=_READ_ONLY,
            cursorclass=pymysql.cursors.DictCursor,
            defer_connect=True,
            # TLS takes a real socket; SSH does for it.
            ssl_disabled=way is not None,
        )
        database.connect(way)
        return database

    def _through(self) -> str:
        return f' through {self._host.name}' if self._host else ''
