// The Apache Cassandra Java driver against the embedded engine, unchanged: npm run test:drivers.

import com.datastax.oss.driver.api.core.CqlIdentifier;
import com.datastax.oss.driver.api.core.CqlSession;
import com.datastax.oss.driver.api.core.DefaultConsistencyLevel;
import com.datastax.oss.driver.api.core.config.DefaultDriverOption;
import com.datastax.oss.driver.api.core.config.DriverConfigLoader;
import com.datastax.oss.driver.api.core.cql.BatchStatement;
import com.datastax.oss.driver.api.core.cql.DefaultBatchType;
import com.datastax.oss.driver.api.core.cql.PreparedStatement;
import com.datastax.oss.driver.api.core.cql.ResultSet;
import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import com.datastax.oss.driver.api.core.data.CqlDuration;
import com.datastax.oss.driver.api.core.data.TupleValue;
import com.datastax.oss.driver.api.core.data.UdtValue;
import com.datastax.oss.driver.api.core.metadata.schema.TableMetadata;
import com.datastax.oss.driver.api.core.servererrors.AlreadyExistsException;
import com.datastax.oss.driver.api.core.servererrors.InvalidQueryException;
import com.datastax.oss.driver.api.core.servererrors.SyntaxError;
import com.datastax.oss.driver.api.core.type.TupleType;
import com.datastax.oss.driver.api.core.type.UserDefinedType;
import com.datastax.oss.driver.api.core.uuid.Uuids;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletionStage;

public final class CassandraTest {
  private interface Work {
    void run(CqlSession session) throws Exception;
  }

  private static int passed = 0;
  private static int failed = 0;

  public static void main(String[] args) throws Exception {
    URI uri = new URI(System.getenv("KEYFOLD_CASSANDRA_URL").replaceFirst(",[^/]*", ""));
    for (String compression : List.of("none", "lz4")) {
      DriverConfigLoader config =
          DriverConfigLoader.programmaticBuilder()
              .withString(DefaultDriverOption.PROTOCOL_COMPRESSION, compression)
              .withInt(DefaultDriverOption.REQUEST_PAGE_SIZE, 100)
              .build();
      try (CqlSession session =
          CqlSession.builder()
              .addContactPoint(new InetSocketAddress(uri.getHost(), uri.getPort()))
              .withLocalDatacenter("datacenter1")
              .withConfigLoader(config)
              .build()) {
        session.execute("DROP KEYSPACE IF EXISTS java_driver");
        session.execute(
            "CREATE KEYSPACE java_driver WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
        test("speaks v4 after its own version was refused, " + compression, session, CassandraTest::version);
        test("values of every type come back, " + compression, session, CassandraTest::types);
        test("user-defined types and tuples, " + compression, session, CassandraTest::nested);
        test("pages, " + compression, session, CassandraTest::pages);
        test("many at once, " + compression, session, CassandraTest::parallel);
        test("batches and counters, " + compression, session, CassandraTest::batches);
        test("lightweight transactions, " + compression, session, CassandraTest::transactions);
        test("tables in the driver's metadata, " + compression, session, CassandraTest::metadata);
        test("errors are the driver's own, " + compression, session, CassandraTest::errors);
        session.execute("DROP KEYSPACE java_driver");
      }
    }
    System.out.println("drivers: " + passed + " passed, " + failed + " failed in Java");
    System.exit(failed == 0 ? 0 : 1);
  }

  private static void test(String name, CqlSession session, Work work) {
    try {
      work.run(session);
      passed++;
    } catch (Throwable thrown) {
      failed++;
      System.out.println("FAILED " + name);
      thrown.printStackTrace(System.out);
    }
  }

  private static void equal(Object found, Object wanted) {
    if (!Objects.equals(found, wanted)) throw new AssertionError("found " + found + ", wanted " + wanted);
  }

  private static void version(CqlSession session) {
    equal(session.getContext().getProtocolVersion().getCode(), 4);
    equal(session.execute("SELECT release_version FROM system.local").one().getString(0).startsWith("5.0"), true);
  }

  private static void types(CqlSession session) throws Exception {
    session.execute(
        "CREATE TABLE java_driver.types (id uuid PRIMARY KEY, a ascii, b bigint, c blob, d boolean, e date, f decimal,"
            + " g double, h duration, i float, j inet, k int, l smallint, m text, n time, o timestamp, p timeuuid,"
            + " q tinyint, r varint, s list<int>, t set<text>, u map<text, decimal>, v frozen<list<frozen<set<int>>>>)");
    PreparedStatement insert =
        session.prepare(
            "INSERT INTO java_driver.types (id, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v)"
                + " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    Object[] values = {
      UUID.randomUUID(),
      "ascii",
      Long.MIN_VALUE,
      ByteBuffer.wrap(new byte[] {0, 1, -1}),
      true,
      LocalDate.of(1969, 7, 20),
      new BigDecimal("-1.250"),
      Double.MIN_VALUE,
      CqlDuration.newInstance(-1, -2, -3L),
      1.5f,
      InetAddress.getByName("::1"),
      Integer.MAX_VALUE,
      (short) -5,
      "äß😀",
      LocalTime.of(23, 59, 59, 999_999_999),
      Instant.parse("2026-01-02T03:04:05.006Z"),
      Uuids.timeBased(),
      (byte) -128,
      new BigInteger("-123456789012345678901234567890"),
      List.of(3, 1, 2),
      Set.of("x", "y"),
      Map.of("k", new BigDecimal("0.10")),
      List.of(Set.of(1, 2), Set.of()),
    };
    // Wide enough to be compressed.
    session.execute(insert.bind(values));
    Row row =
        session.execute(
                SimpleStatement.newInstance("SELECT * FROM java_driver.types WHERE id = ?", values[0]))
            .one();
    String names = "abcdefghijklmnopqrstuv";
    for (int at = 1; at < values.length; at++) {
      equal(row.getObject(CqlIdentifier.fromInternal(names.substring(at - 1, at))), values[at]);
    }
    session.execute("INSERT INTO java_driver.types (id) VALUES (uuid())");
    Row empty = null;
    for (Row each : session.execute("SELECT * FROM java_driver.types")) if (each.isNull("a")) empty = each;
    equal(empty.getList("s", Integer.class), List.of());
    equal(empty.isNull("f"), true);
  }

  private static void nested(CqlSession session) {
    session.execute("CREATE TYPE java_driver.place (city text, zip int)");
    session.execute(
        "CREATE TABLE java_driver.nested (id int PRIMARY KEY, p frozen<place>, t tuple<int, text>, m map<text, frozen<place>>)");
    UserDefinedType place =
        session.getMetadata().getKeyspace("java_driver").flatMap(one -> one.getUserDefinedType("place")).get();
    UdtValue here = place.newValue("Köln", 50667);
    TupleType type =
        (TupleType)
            session.getMetadata().getKeyspace("java_driver").flatMap(one -> one.getTable("nested"))
                .flatMap(one -> one.getColumn("t")).get().getType();
    TupleValue tuple = type.newValue(7, null);
    session.execute(
        session.prepare("INSERT INTO java_driver.nested (id, p, t, m) VALUES (?, ?, ?, ?)")
            .bind(1, here, tuple, Map.of("home", here)));
    Row row = session.execute("SELECT p, t, m FROM java_driver.nested WHERE id = 1").one();
    equal(row.getUdtValue("p"), here);
    equal(row.getTupleValue("t"), tuple);
    equal(row.getMap("m", String.class, UdtValue.class), Map.of("home", here));
  }

  private static void pages(CqlSession session) {
    session.execute(
        "CREATE TABLE java_driver.pages (p int, c int, v text, PRIMARY KEY (p, c)) WITH CLUSTERING ORDER BY (c DESC)");
    PreparedStatement insert = session.prepare("INSERT INTO java_driver.pages (p, c, v) VALUES (?, ?, ?)");
    BatchStatement batch = BatchStatement.newInstance(DefaultBatchType.UNLOGGED);
    for (int c = 0; c < 250; c++) batch = batch.add(insert.bind(1, c, "value " + c));
    session.execute(batch);
    ResultSet found = session.execute("SELECT c FROM java_driver.pages WHERE p = 1");
    equal(found.getAvailableWithoutFetching(), 100);
    List<Integer> all = new ArrayList<>();
    for (Row row : found) all.add(row.getInt(0));
    equal(all.size(), 250);
    equal(all.get(0), 249);
    equal(session.execute("SELECT count(*) FROM java_driver.pages WHERE p = 1 AND c > 99").one().getLong(0), 150L);
  }

  private static void parallel(CqlSession session) {
    session.execute("CREATE TABLE java_driver.many (id int PRIMARY KEY, v text)");
    PreparedStatement insert = session.prepare("INSERT INTO java_driver.many (id, v) VALUES (?, ?)");
    List<CompletionStage<?>> waiting = new ArrayList<>();
    for (int id = 0; id < 1_000; id++) waiting.add(session.executeAsync(insert.bind(id, "v" + id)));
    for (CompletionStage<?> each : waiting) each.toCompletableFuture().join();
    equal(session.execute("SELECT count(*) FROM java_driver.many").one().getLong(0), 1_000L);
    PreparedStatement select = session.prepare("SELECT v FROM java_driver.many WHERE id = ?");
    equal(session.execute(select.bind(77)).one().getString("v"), "v77");
  }

  private static void batches(CqlSession session) {
    session.execute("CREATE TABLE java_driver.counts (id int PRIMARY KEY, n counter)");
    PreparedStatement add = session.prepare("UPDATE java_driver.counts SET n = n + ? WHERE id = ?");
    session.execute(
        BatchStatement.newInstance(DefaultBatchType.COUNTER, add.bind(2L, 1), add.bind(-5L, 2), add.bind(3L, 1)));
    equal(session.execute("SELECT n FROM java_driver.counts WHERE id = 1").one().getLong(0), 5L);
    session.execute("CREATE TABLE java_driver.logged (id int PRIMARY KEY, v int)");
    session.execute(
        BatchStatement.newInstance(
                DefaultBatchType.LOGGED,
                SimpleStatement.newInstance("INSERT INTO java_driver.logged (id, v) VALUES (?, ?)", 1, 1),
                SimpleStatement.newInstance("INSERT INTO java_driver.logged (id, v) VALUES (?, ?)", 2, 2))
            .setQueryTimestamp(1_000L));
    session.execute(
        SimpleStatement.newInstance("INSERT INTO java_driver.logged (id, v) VALUES (1, 9)").setQueryTimestamp(999L));
    Row row = session.execute("SELECT v, writetime(v) FROM java_driver.logged WHERE id = 1").one();
    equal(List.of(row.getInt(0), row.getLong(1)), List.of(1, 1_000L));
  }

  private static void transactions(CqlSession session) {
    session.execute("CREATE TABLE java_driver.locks (name text PRIMARY KEY, owner text)");
    PreparedStatement take = session.prepare("INSERT INTO java_driver.locks (name, owner) VALUES (?, ?) IF NOT EXISTS");
    equal(session.execute(take.bind("a", "one")).wasApplied(), true);
    ResultSet second = session.execute(take.bind("a", "two"));
    equal(second.wasApplied(), false);
    equal(second.one().getString("owner"), "one");
    equal(
        session
            .execute(
                SimpleStatement.newInstance(
                        "UPDATE java_driver.locks SET owner = ? WHERE name = ? IF owner = ?", "two", "a", "one")
                    .setSerialConsistencyLevel(DefaultConsistencyLevel.LOCAL_SERIAL))
            .wasApplied(),
        true);
  }

  private static void metadata(CqlSession session) {
    TableMetadata table =
        session.getMetadata().getKeyspace("java_driver").flatMap(one -> one.getTable("pages")).get();
    equal(table.getPartitionKey().get(0).getName().asInternal(), "p");
    equal(table.getClusteringColumns().values().iterator().next().name(), "DESC");
    equal(session.checkSchemaAgreement(), true);
    equal(session.getMetadata().getTokenMap().isPresent(), true);
    session.execute("ALTER TABLE java_driver.pages ADD w int");
    TableMetadata altered =
        session.getMetadata().getKeyspace("java_driver").flatMap(one -> one.getTable("pages")).get();
    equal(altered.getColumn("w").isPresent(), true);
  }

  private static void errors(CqlSession session) {
    equal(errorOf(session, "SELECT FROM"), SyntaxError.class);
    equal(errorOf(session, "SELECT * FROM java_driver.none"), InvalidQueryException.class);
    equal(errorOf(session, "CREATE TABLE java_driver.pages (p int PRIMARY KEY)"), AlreadyExistsException.class);
  }

  private static Class<?> errorOf(CqlSession session, String statement) {
    try {
      session.execute(statement);
      return null;
    } catch (Exception thrown) {
      return thrown.getClass();
    }
  }
}
