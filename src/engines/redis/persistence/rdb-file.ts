import { Client } from "../client.js";
import { assemble } from "../commands/dump.js";
import { Crc64, crc64 } from "../data/crc64.js";
import type { Database } from "../data/database.js";
import type { Entry } from "../data/entry.js";
import { BadData, loadedTypes, RdbReader, readValue } from "../data/rdb-read.js";
import { RdbWriter, rdbVersion, writeKey } from "../data/rdb-write.js";
import { ErrorReply } from "../protocol/reply.js";
import { LIBRARY_CODE } from "../scripting/dump.js";
import { scriptingOf } from "../scripting/scripting.js";
import type { RedisServer } from "../state.js";

/* A file of all keys, as SAVE writes it. https://rdb.fnordig.de/file_format.html tells the format up to version 7. */

const AUX = 0xfa;
const SELECT_DB = 0xfe;
const RESIZE_DB = 0xfb;
const EXPIRE_MS = 0xfc;
const EXPIRE_SECONDS = 0xfd;
const FREQUENCY = 0xf9;
const IDLE = 0xf8;
const MODULE_AUX = 0xf7;
const FUNCTION_PRE_GA = 0xf6;
const END = 0xff;
/** The newest version that is read: Redis 7.4's and 8's (12, 13) hold the same encodings beside those of new types. */
const newestVersion = 13;
/** Valkey 9's: the same again. */
const valkeyVersion = 80;

/** Writes the file in pieces. */
export class RdbFileWriter {
  readonly #out = new RdbWriter();
  readonly #sum = new Crc64();
  #db = -1;

  constructor(server: RedisServer) {
    const out = this.#out;
    out.bytes(Buffer.from(`REDIS${String(rdbVersion).padStart(4, "0")}`));
    const aux = (name: string, value: string): void => {
      out.byte(AUX);
      out.text(name);
      out.text(value);
    };
    aux("redis-ver", server.version);
    aux("redis-bits", "64");
    aux("ctime", String(Math.floor(server.now / 1000)));
    aux("used-mem", String(server.usedMemory()));
    aux("aof-base", "0");
    for (const { code } of scriptingOf(server).libraries.libraries.values()) {
      out.byte(LIBRARY_CODE);
      out.text(code);
    }
  }

  key(db: Database, entry: Entry): void {
    if (db.index !== this.#db) {
      this.#db = db.index;
      this.#out.byte(SELECT_DB);
      this.#out.length(db.index);
    }
    writeKey(this.#out, entry);
  }

  /** Bytes that wait to be taken. */
  get size(): number {
    return this.#out.size;
  }

  take(): Buffer {
    const bytes = this.#out.take();
    this.#sum.add(bytes);
    return bytes;
  }

  /** The last piece. */
  end(): Buffer {
    this.#out.byte(END);
    const rest = this.take();
    this.#out.uint64(this.#sum.value);
    return Buffer.concat([rest, this.#out.take()]);
  }
}

/** Bytes by which {@link isRdb} tells. */
export const rdbHeadBytes = 9;

/** The version of a file of all keys, by its first bytes; undefined when it is none. Valkey 9 has a name of its own. */
function versionOf(head: Buffer): number | undefined {
  const match = /^(?:REDIS(\d{4})|VALKEY(\d{3}))$/.exec(head.toString("latin1", 0, rdbHeadBytes));
  return match === null ? undefined : Number(match[1] ?? match[2]);
}

/** Whether a file begins as one of all keys does. */
export function isRdb(head: Buffer): boolean {
  return versionOf(head) !== undefined;
}

/**
 * Reads such a file into the client's server, whose databases are empty; tells where it ends. With `dropExpired` keys
 * whose time has passed are left out.
 *
 * @throws BadData where the bytes are none, or hold what this server does not have
 */
export function readRdbFile(client: Client, data: Buffer, dropExpired: boolean): number {
  const { server } = client;
  const version = versionOf(data);
  if (version === undefined) throw new BadData("it does not begin as an RDB file does");
  if (version > newestVersion && version !== valkeyVersion) {
    throw new BadData(`its version is ${version}, the newest that is read is ${newestVersion}`);
  }
  const reader = new RdbReader(data);
  reader.skip(rdbHeadBytes);
  let db = server.dbs[0]!;
  let expireAt = 0;
  while (true) {
    const code = reader.byte();
    switch (code) {
      case END: {
        const end = reader.position;
        if (version < 5) return end;
        reader.skip(8);
        const sum = data.readBigUInt64LE(end);
        // Zero: it was written without a checksum.
        if (sum !== 0n && sum !== crc64(data, end)) throw new BadData("its checksum is wrong");
        return end + 8;
      }
      case SELECT_DB: {
        const index = Number(reader.int());
        const found = server.dbs[index];
        if (found === undefined)
          throw new BadData(`it holds a database ${index}; this server has ${server.dbs.length}`);
        db = found;
        break;
      }
      case AUX:
        reader.text();
        reader.text();
        break;
      case RESIZE_DB:
        reader.int();
        reader.int();
        break;
      case EXPIRE_MS:
        expireAt = reader.millis();
        break;
      case EXPIRE_SECONDS: {
        const at = reader.position;
        reader.skip(4);
        expireAt = data.readInt32LE(at) * 1000;
        break;
      }
      case FREQUENCY:
        reader.byte();
        break;
      case IDLE:
        reader.int();
        break;
      case LIBRARY_CODE: {
        const scripting = scriptingOf(server);
        const library = scripting.functionEngine.load(
          reader.text(),
          scripting.libraries,
          true,
          Number.POSITIVE_INFINITY,
        );
        if (library instanceof ErrorReply) throw new BadData(`a library is refused: ${library.text}`);
        scripting.link(library);
        break;
      }
      case FUNCTION_PRE_GA:
      case MODULE_AUX:
        throw new BadData("it holds data of modules, or of a release candidate of Redis 7");
      default: {
        const key = reader.text();
        const loaded = readValue(reader, code);
        const at = expireAt;
        expireAt = 0;
        if (dropExpired && at !== 0 && at < server.now) break;
        const value = assemble(client, loaded);
        if (value === undefined) throw new BadData(`the key ${JSON.stringify(key)} has a value that is none`);
        if (db.map.has(key)) throw new BadData(`the key ${JSON.stringify(key)} is there twice`);
        if (typeof value === "string" && at === 0 && db.setText(key, value, client)) break;
        const entry = db.add(key, loadedTypes[loaded.kind], value);
        if (at !== 0) db.setExpiry(entry, at);
        db.map.account(entry);
      }
    }
  }
}

/** Writes all keys, and reads them back: what they are kept as must be what they are. */
export function reloadData(client: Client): void {
  const { server } = client;
  for (const walk of [...server.walks]) walk.finish();
  const out = new RdbFileWriter(server);
  for (const db of server.dbs) for (const entry of db.entries()) out.key(db, entry);
  const bytes = out.end();
  for (const db of server.dbs) db.clear();
  const trusted = new Client(server, 0, undefined, server.dbs[0]!);
  server.loading = true;
  try {
    readRdbFile(trusted, bytes, false);
  } finally {
    server.loading = false;
  }
}
