"""The DataStax Python driver and cqlsh against the embedded Cassandra, unchanged."""

import os
import re
import subprocess
import sys
import uuid
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from cassandra import AlreadyExists, ConsistencyLevel, InvalidRequest, Unavailable
from cassandra.cluster import Cluster
from cassandra.policies import FallthroughRetryPolicy
from cassandra.protocol import SyntaxException
from cassandra.query import BatchStatement, SimpleStatement, named_tuple_factory
from cassandra.util import Duration, SortedSet

HOSTS, PORT = re.match(r"cassandra://([^:/]+):(\d+)", os.environ["KEYFOLD_CASSANDRA_URL"]).groups()
CQLSH = Path(sys.executable).with_name("cqlsh")


@pytest.fixture(scope="module", params=["lz4", "snappy", False], ids=["lz4", "snappy", "plain"])
def cluster(request):
    with Cluster(HOSTS.split(","), port=int(PORT), compression=request.param) as cluster:
        yield cluster


@pytest.fixture
def session(cluster):
    session = cluster.connect()
    session.row_factory = named_tuple_factory
    keyspace = "k" + uuid.uuid4().hex[:12]
    session.execute(
        f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
    )
    session.set_keyspace(keyspace)
    yield session
    session.execute(f"DROP KEYSPACE {keyspace}")
    session.shutdown()


def test_speaks_version_4(cluster, session):
    assert cluster.protocol_version == 4
    assert session.execute("SELECT release_version FROM system.local").one().release_version == "5.0.9"


def test_keeps_values_of_all_kinds(session):
    session.execute("CREATE TYPE place (street text, floors frozen<list<int>>)")
    session.execute(
        "CREATE TABLE t (p uuid, c timestamp, n varint, d decimal, e duration, s set<text>, m map<text, int>,"
        " l list<frozen<tuple<int, text>>>, u frozen<place>, i inet, PRIMARY KEY (p, c))"
    )
    insert = session.prepare("INSERT INTO t (p, c, n, d, e, s, m, l, u, i) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    key, at = uuid.uuid4(), datetime(2026, 1, 2, 3, 4, 5, 678000)
    values = (2**100, Decimal("2.550"), Duration(1, 2, 3), {"b", "a"}, {"x": 1}, [(1, "one")])
    session.execute(insert, (key, at, *values, ("Main", [1, 2]), "10.0.0.1"))
    row = session.execute("SELECT * FROM t WHERE p = %s", (key,)).one()
    assert (row.c, row.n, row.e, row.i) == (at, 2**100, Duration(1, 2, 3), "10.0.0.1")
    assert str(row.d) == "2.550"
    assert row.s == SortedSet(["a", "b"]) and row.m == {"x": 1} and row.l == [(1, "one")]
    assert (row.u.street, list(row.u.floors)) == ("Main", [1, 2])


def test_pages_through_many_rows(session):
    session.execute("CREATE TABLE t (p int, c int, v text, PRIMARY KEY (p, c))")
    insert = session.prepare("INSERT INTO t (p, c, v) VALUES (?, ?, ?)")
    for future in [session.execute_async(insert, (1, c, "v" * 50)) for c in range(1000)]:
        future.result()
    found = session.execute(SimpleStatement("SELECT c FROM t WHERE p = 1", fetch_size=70))
    assert found.has_more_pages
    assert [row.c for row in found] == list(range(1000))


def test_writes_on_conditions_and_in_batches(session):
    session.execute("CREATE TABLE t (p int, c int, v int, PRIMARY KEY (p, c))")
    once = "INSERT INTO t (p, c, v) VALUES (1, 1, 1) IF NOT EXISTS"
    assert session.execute(once).was_applied
    again = session.execute(once)
    assert not again.was_applied and again.one().v == 1
    batch = BatchStatement()
    insert = session.prepare("INSERT INTO t (p, c, v) VALUES (?, ?, ?)")
    for c in range(2, 5):
        batch.add(insert, (1, c, c))
    session.execute(batch)
    assert session.execute("SELECT count(*) FROM t").one().count == 4


def test_raises_the_drivers_own_errors(session):
    session.execute("CREATE TABLE t (p int PRIMARY KEY)")
    with pytest.raises(SyntaxException):
        session.execute("SELEC")
    with pytest.raises(InvalidRequest):
        session.execute("SELECT nothing FROM t")
    with pytest.raises(AlreadyExists):
        session.execute("CREATE TABLE t (p int PRIMARY KEY)")
    with pytest.raises(Unavailable) as unavailable:
        # Else the driver asks the next host, of which there is none.
        never = FallthroughRetryPolicy()
        session.execute(SimpleStatement("SELECT * FROM t", consistency_level=ConsistencyLevel.THREE, retry_policy=never))
    assert unavailable.value.required_replicas == 3


def test_reads_the_schema_and_hears_of_its_changes(cluster, session):
    session.execute("CREATE TABLE t (p int, c text, v int, PRIMARY KEY (p, c)) WITH CLUSTERING ORDER BY (c DESC)")
    session.execute("CREATE INDEX by_v ON t (v)")
    table = cluster.metadata.keyspaces[session.keyspace].tables["t"]
    assert [column.name for column in table.primary_key] == ["p", "c"]
    assert "CLUSTERING ORDER BY (c DESC)" in table.export_as_string()
    assert "by_v" in table.indexes
    # What the driver writes makes the same table again.
    text = table.export_as_string()
    session.execute("DROP TABLE t")
    for statement in filter(None, (part.strip() for part in text.split(";"))):
        session.execute(statement)
    assert cluster.metadata.keyspaces[session.keyspace].tables["t"].export_as_string() == text


def test_traces_a_statement(session):
    session.execute("CREATE TABLE t (p int PRIMARY KEY)")
    trace = session.execute("SELECT * FROM t", trace=True).get_query_trace()
    assert trace.request_type == "Execute CQL3 query" and len(trace.events) > 0


def test_warns_of_a_large_batch(session):
    session.execute("CREATE TABLE t (p int PRIMARY KEY, v text)")
    batch = BatchStatement()
    for p in range(3):
        batch.add(SimpleStatement("INSERT INTO t (p, v) VALUES (%s, %s)"), (p, "x" * 3000))
    future = session.execute_async(batch)
    future.result()
    assert any("exceeding specified threshold" in warning for warning in future.warnings)


def cqlsh(*args):
    result = subprocess.run(
        [CQLSH, HOSTS.split(",")[0], PORT, *args], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    # It warns of every server whose version is not the one that it was built with.
    return "".join(line for line in result.stdout.splitlines(True) if not line.startswith("WARNING: cqlsh was built"))


@pytest.fixture
def shop(session):
    session.execute("CREATE TYPE address (street text, lines frozen<list<text>>)")
    session.execute(
        "CREATE TABLE line (customer text, seq bigint, total decimal, tags set<text>, home frozen<address>,"
        " PRIMARY KEY (customer, seq)) WITH CLUSTERING ORDER BY (seq DESC)"
    )
    session.execute("CREATE INDEX by_total ON line (total)")
    session.execute(
        "INSERT INTO line (customer, seq, total, tags, home)"
        " VALUES ('a', 9007199254740993, 2.550, {'x', 'y'}, {street: 'Main', lines: ['1']})"
    )
    return session.keyspace


@pytest.mark.parametrize(
    "what, expected",
    [
        ("KEYSPACES", ["{k}", "system_schema"]),
        ("CLUSTER", ["Cluster: keyfold", "Murmur3Partitioner"]),
        ("SCHEMA", ["CREATE KEYSPACE {k} ", "CREATE TYPE {k}.address", "CREATE TABLE {k}.line"]),
        ("FULL SCHEMA", ["CREATE TABLE {k}.line", "VIRTUAL TABLE system_views.clients"]),
        ("KEYSPACE {k}", ["CREATE KEYSPACE {k} ", "CREATE TYPE {k}.address", "CREATE INDEX by_total ON {k}.line"]),
        ("TABLES", ["line"]),
        ("TABLE {k}.line", ["PRIMARY KEY (customer, seq)", "CLUSTERING ORDER BY (seq DESC)"]),
        ("TYPE {k}.address", ["CREATE TYPE {k}.address", "lines frozen<list<text>>"]),
        ("INDEX {k}.by_total", ["CREATE INDEX by_total ON {k}.line (total)"]),
    ],
)
def test_cqlsh_describes(shop, what, expected):
    text = cqlsh("-e", f"DESCRIBE {what.format(k=shop)}")
    for each in expected:
        assert each.format(k=shop) in text


def test_cqlsh_makes_again_what_it_described(shop, session):
    text = cqlsh("-e", f"DESCRIBE KEYSPACE {shop}")
    session.execute(f"DROP KEYSPACE {shop}")
    cqlsh("-e", text.strip().removesuffix(";"))
    assert cqlsh("-e", f"DESCRIBE KEYSPACE {shop}") == text


def test_cqlsh_copies_to_a_file_and_back(shop, session, tmp_path):
    file = tmp_path / "lines.csv"
    before = list(session.execute(f"SELECT * FROM {shop}.line"))
    cqlsh("-e", f"COPY {shop}.line TO '{file}' WITH HEADER = true")
    assert "9007199254740993" in file.read_text()
    session.execute(f"TRUNCATE {shop}.line")
    cqlsh("-e", f"COPY {shop}.line FROM '{file}' WITH HEADER = true")
    assert list(session.execute(f"SELECT * FROM {shop}.line")) == before


def test_cqlsh_shows_rows_at_a_consistency_with_a_trace(shop):
    text = cqlsh("-e", f"CONSISTENCY QUORUM; TRACING ON; SELECT seq FROM {shop}.line; SHOW VERSION")
    assert "9007199254740993" in text
    assert "Tracing session:" in text and "Request complete" in text
    assert "Cassandra 5.0.9" in text
