import { arch, cpus, freemem, hostname, platform, release, totalmem, type } from "node:os";
import { Doc, int32 } from "../bson/doc.js";
import { DateTime, type Value } from "../bson/values.js";
import { count } from "../data/collection.js";
import { mongoError } from "../errors.js";
import { maxDocumentBytes } from "../protocol/message.js";
import type { Command, CommandRequest, Engine } from "./command.js";
import { maxWireVersion, replicaSetName, version } from "./handshake.js";

function buildInfo(): Doc {
  return Doc.from([
    ["version", version],
    ["gitVersion", "keyfold-embedded"],
    ["modules", ["keyfold"]],
    ["allocator", "system"],
    ["javascriptEngine", "none"],
    ["sysInfo", "deprecated"],
    [
      "versionArray",
      version
        .split(".")
        .map((part) => int32(Number(part)) as Value)
        .concat(int32(0)),
    ],
    [
      "openssl",
      Doc.from([
        ["running", `${process.versions.openssl}`],
        ["compiled", `${process.versions.openssl}`],
      ]),
    ],
    [
      "buildEnvironment",
      Doc.from([
        ["distmod", "keyfold"],
        ["distarch", arch()],
        ["cc", `node ${process.version}`],
        ["target_arch", arch()],
        ["target_os", platform()],
      ]),
    ],
    ["bits", int32(64)],
    ["debug", false],
    ["maxBsonObjectSize", int32(maxDocumentBytes)],
    ["storageEngines", ["lmdb", "memory"]],
  ]);
}

function hostInfo(_request: CommandRequest, engine: Engine): Doc {
  const processors = cpus();
  return Doc.from([
    [
      "system",
      Doc.from([
        ["currentTime", new DateTime(engine.clock.now())],
        ["hostname", hostname()],
        ["cpuAddrSize", int32(64)],
        ["memSizeMB", BigInt(Math.floor(totalmem() / 1024 / 1024))],
        ["memLimitMB", BigInt(Math.floor(totalmem() / 1024 / 1024))],
        ["numCores", int32(processors.length)],
        ["cpuArch", arch()],
        ["numaEnabled", false],
      ]),
    ],
    [
      "os",
      Doc.from([
        ["type", type()],
        ["name", platform()],
        ["version", release()],
      ]),
    ],
    [
      "extra",
      Doc.from([
        ["cpuString", processors[0]?.model ?? ""],
        ["memFreeMB", BigInt(Math.floor(freemem() / 1024 / 1024))],
      ]),
    ],
  ]);
}

/** Parameters that are true of this engine; others are as unknown to it as a misspelt one is to MongoDB. */
function parameters(engine: Engine): ReadonlyMap<string, Value> {
  return new Map<string, Value>([
    ["authenticationMechanisms", engine.scram === undefined ? [] : ["SCRAM-SHA-1", "SCRAM-SHA-256"]],
    ["cursorTimeoutMillis", 600000n],
    ["enableTestCommands", false],
    ["featureCompatibilityVersion", Doc.from([["version", "7.0"]])],
    ["localLogicalSessionTimeoutMinutes", int32(30)],
    ["maxBSONDepth", int32(180)],
    ["supportCompression", false],
    ["ttlMonitorEnabled", true],
    ["ttlMonitorSleepSecs", int32(60)],
  ]);
}

function getParameter(request: CommandRequest, engine: Engine): Doc {
  const all = parameters(engine);
  const reply = new Doc();
  const what = request.body.get("getParameter");
  const everything = what === "*" || (what instanceof Doc && what.get("allParameters") === true);
  for (const [name, value] of all) {
    if (!everything && !request.body.has(name)) continue;
    reply.set(name, value);
  }
  if (reply.isEmpty) throw mongoError(72, "no option found to get");
  return reply;
}

function serverStatus(_request: CommandRequest, engine: Engine): Doc {
  const { counters, clock } = engine;
  const now = clock.now();
  const uptime = Math.max(0, now - engine.startedAt);
  const memory = process.memoryUsage();
  const net = engine.net();
  let documents = 0;
  let collections = 0;
  for (const collection of engine.catalog.allCollections()) {
    collections++;
    documents += collection.count;
  }
  const me = engine.address();
  return Doc.from([
    ["host", me],
    ["version", version],
    ["process", "keyfold"],
    ["pid", BigInt(process.pid)],
    ["uptime", uptime / 1000],
    ["uptimeMillis", BigInt(Math.floor(uptime))],
    ["uptimeEstimate", BigInt(Math.floor(uptime / 1000))],
    ["localTime", new DateTime(now)],
    [
      "catalogStats",
      Doc.from([
        ["collections", count(collections)],
        ["documents", count(documents)],
      ]),
    ],
    [
      "connections",
      Doc.from([
        ["current", count(net.connectionCount)],
        ["available", count(net.limits.connections - net.connectionCount)],
        ["totalCreated", count(net.acceptedCount)],
      ]),
    ],
    [
      "extra_info",
      Doc.from([
        ["note", "fields vary by platform"],
        ["page_faults", count(process.resourceUsage().majorPageFault)],
      ]),
    ],
    ["logicalSessionRecordCache", Doc.from([["activeSessionsCount", count(engine.sessions.size)]])],
    [
      "metrics",
      Doc.from([
        [
          "cursor",
          Doc.from([
            ["timedOut", count(engine.cursors.timedOut)],
            ["totalOpened", count(engine.cursors.opened)],
            ["open", Doc.from([["total", count(engine.cursors.size)]])],
          ]),
        ],
        [
          "document",
          Doc.from([
            ["deleted", count(counters.documentsDeleted)],
            ["inserted", count(counters.documentsInserted)],
            ["returned", count(counters.documentsReturned)],
            ["updated", count(counters.documentsUpdated)],
          ]),
        ],
        [
          "queryExecutor",
          Doc.from([
            ["scanned", count(counters.keysScanned)],
            ["scannedObjects", count(counters.documentsScanned)],
          ]),
        ],
        [
          "ttl",
          Doc.from([
            ["deletedDocuments", count(counters.ttlDeleted)],
            ["passes", count(counters.ttlPasses)],
          ]),
        ],
      ]),
    ],
    [
      "mem",
      Doc.from([
        ["bits", int32(64)],
        ["resident", count(Math.floor(memory.rss / 1024 / 1024))],
        ["supported", true],
      ]),
    ],
    [
      "network",
      Doc.from([
        ["bytesIn", count(counters.bytesIn)],
        ["bytesOut", count(counters.bytesOut)],
        ["numRequests", count(counters.requests)],
      ]),
    ],
    [
      "opcounters",
      Doc.from([
        ["insert", count(counters.insert)],
        ["query", count(counters.query)],
        ["update", count(counters.update)],
        ["delete", count(counters.delete)],
        ["getmore", count(counters.getmore)],
        ["command", count(counters.command)],
      ]),
    ],
    [
      "repl",
      Doc.from([
        ["setName", replicaSetName],
        ["isWritablePrimary", true],
        ["secondary", false],
        ["primary", me],
        ["me", me],
        ["hosts", [me]],
      ]),
    ],
    [
      "storageEngine",
      Doc.from([
        ["name", engine.store.durable ? "lmdb" : "memory"],
        ["supportsCommittedReads", true],
        ["persistent", engine.store.durable],
      ]),
    ],
    ["maxWireVersion", int32(maxWireVersion)],
  ]);
}

export const adminCommands: readonly Command[] = [
  {
    name: "buildInfo",
    summary: "The version, and that this is keyfold.",
    supported: true,
    open: true,
    fields: [],
    run: buildInfo,
  },
  {
    name: "buildinfo",
    summary: "Another spelling of buildInfo.",
    supported: true,
    open: true,
    fields: [],
    run: buildInfo,
  },
  { name: "hostInfo", summary: "The machine.", supported: true, fields: [], run: hostInfo },
  {
    name: "getParameter",
    summary: "Parameters of the server; those that are true of this engine.",
    supported: true,
    adminOnly: true,
    run: getParameter,
  },
  { name: "serverStatus", summary: "Counters, memory, connections; all measured.", supported: true, run: serverStatus },
  {
    name: "getLog",
    summary: "Lines of the log; there are none.",
    supported: true,
    adminOnly: true,
    fields: [],
    run: (request) => {
      const which = request.body.get("getLog");
      if (which === "*") return Doc.from([["names", ["global", "startupWarnings"]]]);
      if (which !== "global" && which !== "startupWarnings") {
        throw mongoError(96, `no RamLog named: ${String(which)}`);
      }
      return Doc.from([
        ["totalLinesWritten", int32(0)],
        ["log", []],
      ]);
    },
  },
  {
    name: "whatsmyuri",
    summary: "The client's address.",
    supported: true,
    fields: [],
    run: (request) => Doc.from([["you", request.client.remote]]),
  },
  {
    name: "getCmdLineOpts",
    summary: "How the server was started.",
    supported: true,
    adminOnly: true,
    fields: [],
    run: () =>
      Doc.from([
        ["argv", ["keyfold"]],
        ["parsed", new Doc()],
      ]),
  },
];
