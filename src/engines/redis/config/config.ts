import { parseLong } from "../data/numbers.js";
import { formatEvents, parseEvents } from "./events.js";
import { type Setting, settings } from "./settings.js";

/** Bytes that a class of clients may leave unread: at once, or for so many seconds. */
export interface BufferLimit {
  readonly hard: number;
  readonly soft: number;
  readonly softSeconds: number;
}

const byName = new Map<string, Setting>();
for (const setting of settings) {
  byName.set(setting.name, setting);
  if (setting.alias !== undefined) byName.set(setting.alias, setting);
}

const units: Record<string, number> = {
  "": 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1_000_000,
  mb: 1024 ** 2,
  g: 1_000_000_000,
  gb: 1024 ** 3,
};

/** Bytes of a text such as `100mb`, or undefined. */
export function parseMemory(value: string): number | undefined {
  const match = /^([0-9]+)([a-zA-Z]*)$/.exec(value);
  const unit = match === null ? undefined : units[match[2]!.toLowerCase()];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** The settings, as texts for CONFIG and as values for those who use them. */
export class Config {
  readonly #values = new Map<string, string>();

  acllogMaxLen = 128;
  appendfsync = "everysec";
  appendonly = false;
  autoRewriteMinSize = 67_108_864;
  autoRewritePercentage = 100;
  hashMaxListpackEntries = 512;
  hashMaxListpackValue = 64;
  hllSparseMaxBytes = 3000;
  latencyMonitorThreshold = 0;
  latencyTracking = true;
  lazyfreeLazyExpire = false;
  lazyfreeLazyServerDel = false;
  lazyfreeLazyUserDel = false;
  lfuDecayTime = 1;
  lfuLogFactor = 10;
  listMaxListpackSize = -2;
  loglevel = "notice";
  maxclients = 10_000;
  maxmemory = 0;
  /** Bytes that all clients together may hold; 0 for no limit. */
  maxmemoryClients = 0;
  maxmemoryPolicy = "noeviction";
  maxmemorySamples = 5;
  minReplicasToWrite = 0;
  notifyFlags = 0;
  percentiles: readonly number[] = [50, 99, 99.9];
  protoMaxBulkLen = 536_870_912;
  queryBufferLimit = 1_073_741_824;
  requirepass = "";
  /** After so many seconds a snapshot is due when there are so many changes. */
  savePoints: readonly { readonly seconds: number; readonly changes: number }[] = [];
  setMaxIntsetEntries = 512;
  setMaxListpackEntries = 128;
  setMaxListpackValue = 64;
  slowlogLogSlowerThan = 10_000;
  slowlogMaxLen = 128;
  stopWritesOnSaveError = true;
  streamNodeMaxBytes = 4096;
  streamNodeMaxEntries = 100;
  timeout = 0;
  busyReplyThreshold = 5000;
  trackingTableMaxKeys = 1_000_000;
  zsetMaxListpackEntries = 128;
  zsetMaxListpackValue = 64;
  bufferLimits: { normal: BufferLimit; pubsub: BufferLimit } = {
    normal: { hard: 0, soft: 0, softSeconds: 0 },
    pubsub: { hard: 33_554_432, soft: 8_388_608, softSeconds: 60 },
  };

  constructor(overrides: Readonly<Record<string, string>> = {}) {
    for (const setting of settings) this.#values.set(setting.name, setting.initial);
    for (const [name, value] of Object.entries(overrides)) this.#values.set(name, value);
    this.#spread();
  }

  /** A setting by any of its names. */
  static find(name: string): Setting | undefined {
    return byName.get(name.toLowerCase());
  }

  /** All names, aliases included. */
  static names(): string[] {
    return [...byName].filter(([, setting]) => !setting.hidden).map(([name]) => name);
  }

  get(setting: Setting): string {
    return this.#values.get(setting.name)!;
  }

  /** The value in its normal form; throws the reason when it is not one. */
  check(setting: Setting, value: string): string {
    const normal = normalise(setting, value, this.get(setting));
    if (setting.fixed && normal !== this.get(setting)) {
      throw new Error(
        setting.name === "port" ? "Unable to listen on this port. It stays what it is." : "can't set immutable config",
      );
    }
    return normal;
  }

  /** Takes values that {@link check} gave. */
  apply(values: ReadonlyMap<Setting, string>): void {
    for (const [setting, value] of values) this.#values.set(setting.name, value);
    this.#spread();
  }

  /** Makes the fields follow the texts. */
  #spread(): void {
    const text = (name: string): string => this.#values.get(name)!;
    const number = (name: string): number => Number(text(name));
    const bool = (name: string): boolean => text(name) === "yes";
    this.acllogMaxLen = number("acllog-max-len");
    this.appendfsync = text("appendfsync");
    this.appendonly = bool("appendonly");
    this.autoRewriteMinSize = number("auto-aof-rewrite-min-size");
    this.autoRewritePercentage = number("auto-aof-rewrite-percentage");
    this.loglevel = text("loglevel");
    const points = text("save").split(" ").filter(Boolean).map(Number);
    this.savePoints = points.flatMap((seconds, at) => (at % 2 === 0 ? [{ seconds, changes: points[at + 1]! }] : []));
    this.stopWritesOnSaveError = bool("stop-writes-on-bgsave-error");
    this.hashMaxListpackEntries = number("hash-max-listpack-entries");
    this.hashMaxListpackValue = number("hash-max-listpack-value");
    this.hllSparseMaxBytes = number("hll-sparse-max-bytes");
    this.latencyMonitorThreshold = number("latency-monitor-threshold");
    this.latencyTracking = bool("latency-tracking");
    this.lazyfreeLazyExpire = bool("lazyfree-lazy-expire");
    this.lazyfreeLazyServerDel = bool("lazyfree-lazy-server-del");
    this.lazyfreeLazyUserDel = bool("lazyfree-lazy-user-del");
    this.lfuDecayTime = number("lfu-decay-time");
    this.lfuLogFactor = number("lfu-log-factor");
    this.listMaxListpackSize = number("list-max-listpack-size");
    this.maxclients = number("maxclients");
    this.maxmemory = number("maxmemory");
    const clients = text("maxmemory-clients");
    this.maxmemoryClients = clients.endsWith("%")
      ? Math.floor((this.maxmemory * Number(clients.slice(0, -1))) / 100)
      : Number(clients);
    this.maxmemoryPolicy = text("maxmemory-policy");
    this.maxmemorySamples = number("maxmemory-samples");
    this.minReplicasToWrite = number("min-replicas-to-write");
    this.notifyFlags = parseEvents(text("notify-keyspace-events")) ?? 0;
    this.percentiles = text("latency-tracking-info-percentiles").split(" ").filter(Boolean).map(Number);
    this.protoMaxBulkLen = number("proto-max-bulk-len");
    this.queryBufferLimit = number("client-query-buffer-limit");
    this.requirepass = text("requirepass");
    this.setMaxIntsetEntries = number("set-max-intset-entries");
    this.setMaxListpackEntries = number("set-max-listpack-entries");
    this.setMaxListpackValue = number("set-max-listpack-value");
    this.slowlogLogSlowerThan = number("slowlog-log-slower-than");
    this.slowlogMaxLen = number("slowlog-max-len");
    this.streamNodeMaxBytes = number("stream-node-max-bytes");
    this.streamNodeMaxEntries = number("stream-node-max-entries");
    this.timeout = number("timeout");
    this.busyReplyThreshold = number("busy-reply-threshold");
    this.trackingTableMaxKeys = number("tracking-table-max-keys");
    this.zsetMaxListpackEntries = number("zset-max-listpack-entries");
    this.zsetMaxListpackValue = number("zset-max-listpack-value");
    const words = text("client-output-buffer-limit").split(" ");
    const limit = (at: number): BufferLimit => ({
      hard: Number(words[at]),
      soft: Number(words[at + 1]),
      softSeconds: Number(words[at + 2]),
    });
    this.bufferLimits = { normal: limit(1), pubsub: limit(9) };
  }
}

/** Brings a value into its normal form; throws an Error whose message is the reason that CONFIG SET answers with. */
function normalise(setting: Setting, value: string, current: string): string {
  const { type } = setting;
  switch (type.kind) {
    case "bool": {
      const lower = value.toLowerCase();
      if (lower !== "yes" && lower !== "no") throw new Error("argument must be 'yes' or 'no'");
      return lower;
    }
    case "int": {
      const number = parseLong(value);
      if (Number.isNaN(number)) throw new Error("argument couldn't be parsed into an integer");
      if (number < type.min || number > type.max) {
        throw new Error(
          type.max === Number.MAX_SAFE_INTEGER
            ? `argument must be between ${type.min} and 9223372036854775807 inclusive`
            : `argument must be between ${type.min} and ${type.max} inclusive`,
        );
      }
      return String(number);
    }
    case "memory": {
      const number = parseMemory(value);
      if (number === undefined) throw new Error("argument must be a memory value");
      if (number < type.min || number > type.max) {
        throw new Error(`argument must be between ${type.min} and 9223372036854775807 inclusive`);
      }
      return String(number);
    }
    case "memory-or-percent": {
      if (value.endsWith("%")) {
        const share = parseLong(value.slice(0, -1));
        if (Number.isNaN(share)) throw new Error("argument must be a memory or percent value");
        if (share > 100) throw new Error("percentage argument must be less or equal to 100");
        return `${share}%`;
      }
      const bytes = parseMemory(value);
      if (bytes === undefined) throw new Error("argument must be a memory or percent value");
      return String(bytes);
    }
    case "enum": {
      const found = type.values.find((one) => one === value.toLowerCase());
      if (found === undefined) throw new Error(`argument(s) must be one of the following: ${type.values.join(", ")}`);
      return found;
    }
    case "string":
      return value;
    case "events": {
      const flags = parseEvents(value);
      if (flags === undefined) throw new Error("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
      return formatEvents(flags);
    }
    case "percentiles": {
      const words = value.split(" ").filter(Boolean);
      for (const word of words) {
        const number = Number(word);
        if (!(number >= 0 && number <= 100))
          throw new Error("latency-tracking-info-percentiles should be between 0.0 and 100.0");
      }
      return words.join(" ");
    }
    case "save": {
      const words = value.split(" ").filter(Boolean);
      if (words.length % 2 !== 0) throw new Error("Invalid save parameters");
      for (let i = 0; i < words.length; i += 2) {
        if (!(parseLong(words[i]!) >= 1) || !(parseLong(words[i + 1]!) >= 0))
          throw new Error("Invalid save parameters");
      }
      return words.join(" ");
    }
    default: {
      const words = value.split(" ").filter(Boolean);
      if (words.length === 0 || words.length % 4 !== 0)
        throw new Error("Wrong number of arguments in buffer limit configuration.");
      const order = ["normal", "slave", "pubsub"];
      const out = current.split(" ");
      for (let i = 0; i < words.length; i += 4) {
        const name = words[i]!.toLowerCase();
        const at = order.indexOf(name === "replica" ? "slave" : name);
        if (at < 0) throw new Error("Invalid client class specified in buffer limit configuration.");
        const hard = parseMemory(words[i + 1]!);
        const soft = parseMemory(words[i + 2]!);
        const seconds = parseLong(words[i + 3]!);
        if (hard === undefined || soft === undefined || !(seconds >= 0)) {
          throw new Error("Error in hard, soft or soft_seconds setting in buffer limit configuration.");
        }
        out.splice(at * 4 + 1, 3, String(hard), String(soft), String(seconds));
      }
      return out.join(" ");
    }
  }
}
