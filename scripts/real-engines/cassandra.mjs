// An Apache Cassandra node from its published jars: a configuration, and the start line that its own scripts would make.
import { execFile } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Packages of the JDK that Cassandra reaches into (its jvm17-server.options). */
const exported = [
  "java.base/jdk.internal.misc",
  "java.management.rmi/com.sun.jmx.remote.internal.rmi",
  "java.rmi/sun.rmi.registry",
  "java.rmi/sun.rmi.server",
  "java.sql/java.sql",
  "java.base/java.lang.ref",
  "jdk.unsupported/sun.misc",
  "jdk.attach/sun.tools.attach",
];
const opened = [
  "java.base/java.io",
  "java.base/java.lang",
  "java.base/java.lang.module",
  "java.base/java.nio",
  "java.base/java.util",
  "java.base/java.util.concurrent",
  "java.base/java.util.concurrent.atomic",
  "java.base/jdk.internal.loader",
  "java.base/jdk.internal.math",
  "java.base/jdk.internal.module",
  "java.base/jdk.internal.ref",
  "java.base/jdk.internal.reflect",
  "java.base/jdk.internal.util.jar",
  "java.base/sun.nio.ch",
  "java.management/com.sun.jmx.mbeanserver",
  "jdk.management/com.sun.management.internal",
];

/**
 * For benchmarks (KEYFOLD_CASSANDRA_FOR=speed) the JVM has both compilers, as by default; with the first one alone it
 * starts sooner. A node is small, and its commit log is synced every so often, which is Cassandra's default; a `durable`
 * one, which tests kill, has each acknowledged write in it.
 */
const forSpeed = process.env.KEYFOLD_CASSANDRA_FOR === "speed";
const settings = ({ address, seeds, token, port, storagePort, durable }) => `cluster_name: keyfold test
num_tokens: 1
initial_token: '${token}'
auto_bootstrap: false
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "${seeds.join(",")}"
listen_address: ${address}
rpc_address: ${address}
storage_port: ${storagePort}
native_transport_port: ${port}
start_native_transport: true
${durable ? "commitlog_sync: batch" : "commitlog_sync: periodic\ncommitlog_sync_period: 10000ms"}
commitlog_segment_size: 16MiB
commitlog_total_space: 256MiB
commitlog_disk_access_mode: legacy
memtable_heap_space: 96MiB
memtable_offheap_space: 64MiB
file_cache_size: 32MiB
key_cache_size: 16MiB
concurrent_compactors: 1
phi_convict_threshold: 5
materialized_views_enabled: true
auto_snapshot: false
`;

/**
 * The start line of a node over the jars in `lib`, with its data in `data`.
 *
 * @param {{ java: string, lib: string, data: string, port: number, storagePort: number, address?: string, seeds?: string[], token?: bigint, heapMb?: number, durable?: boolean }} node
 *   `port` and `storagePort` are the same on all nodes of a ring, `address` is not
 */
export async function cassandraCommand(node) {
  const { java, lib, data, port, storagePort, address = "127.0.0.1", token = 0n, heapMb = 512, durable = false } = node;
  const seeds = node.seeds ?? [address];
  const conf = join(data, "conf");
  await mkdir(join(conf, "triggers"), { recursive: true });
  await writeFile(join(conf, "cassandra.yaml"), settings({ address, seeds, token, port, storagePort, durable }));
  await writeFile(
    join(conf, "logback.xml"),
    `<configuration><appender name="file" class="ch.qos.logback.core.FileAppender"><file>${join(data, "system.log")}</file>` +
      `<encoder><pattern>%-5level %date{ISO8601} %msg%n</pattern></encoder></appender>` +
      `<root level="INFO"><appender-ref ref="file"/></root></configuration>`,
  );
  const jars = await jarsOf(lib);
  const agent = jars.find((file) => file.startsWith("jamm-"));
  return {
    file: java,
    cwd: data,
    args: [
      ...(agent === undefined ? [] : [`-javaagent:${join(lib, agent)}`]),
      ...[
        `-Xms${heapMb}m`,
        `-Xmx${heapMb}m`,
        "-XX:MaxDirectMemorySize=256m",
        "-Xss384k",
        "-XX:+UseSerialGC",
        ...(forSpeed ? [] : ["-XX:TieredStopAtLevel=1"]),
      ],
      ...reached(),
      "-Djdk.attach.allowAttachSelf=true",
      "-Djava.net.preferIPv4Stack=true",
      `-Djava.io.tmpdir=${data}`,
      `-Djna.tmpdir=${data}`,
      `-Dcassandra.config=file://${join(conf, "cassandra.yaml")}`,
      `-Dcassandra.storagedir=${data}`,
      `-Dcassandra.triggers_dir=${join(conf, "triggers")}`,
      `-Dlogback.configurationFile=${join(conf, "logback.xml")}`,
      "-Dcassandra-foreground=yes",
      "-Dcassandra.superuser_setup_delay_ms=0",
      "-Dcassandra.skip_wait_for_gossip_to_settle=0",
      "-Dcassandra.ring_delay_ms=2000",
      "-Dcassandra.shutdown_announce_in_ms=0",
      ...classpath(lib, jars),
      "org.apache.cassandra.service.CassandraDaemon",
    ],
  };
}

/**
 * What one of Cassandra's own tools prints, over the jars in `lib`.
 *
 * @public test/cassandra/partition-sizes.test.ts imports it by its path
 */
export async function cassandraTool({ java, lib, tool, args }) {
  const command = [...reached(), ...classpath(lib, await jarsOf(lib)), `org.apache.cassandra.tools.${tool}`, ...args];
  return (await execute(java, command, { maxBuffer: 1 << 28 })).stdout;
}

const jarsOf = async (lib) => (await readdir(lib)).filter((file) => file.endsWith(".jar"));
const classpath = (lib, jars) => ["-cp", jars.map((file) => join(lib, file)).join(":")];
const reached = () => [
  ...exported.map((name) => `--add-exports=${name}=ALL-UNNAMED`),
  ...opened.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
];
