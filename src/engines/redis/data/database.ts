import type { Client } from "../client.js";
import type { RedisServer } from "../state.js";
import { Entries, isShort } from "./entries.js";
import { Entry, TYPE_STRING, type TypeNumber, type Value } from "./entry.js";
import { Expiries } from "./expiries.js";
import { NOWHERE } from "./string-index.js";

/** What saves the keys of a database while they change (see persistence/key-walk.ts). */
export interface KeyWatcher {
  before(db: Database, entry: Entry): void;
  added(db: Database, entry: Entry): void;
  removed(db: Database, entry: Entry, moved: Entry | undefined, from: number): void;
}

/** Classes of keyspace events, as bits. */
export const NOTIFY_KEYSPACE = 1;
export const NOTIFY_KEYEVENT = 2;
export const NOTIFY_GENERIC = 4;
export const NOTIFY_STRING = 8;
export const NOTIFY_LIST = 16;
export const NOTIFY_SET = 32;
export const NOTIFY_HASH = 64;
export const NOTIFY_ZSET = 128;
export const NOTIFY_EXPIRED = 256;
export const NOTIFY_EVICTED = 512;
export const NOTIFY_STREAM = 1024;
export const NOTIFY_MISS = 2048;
export const NOTIFY_MODULE = 8192;
export const NOTIFY_NEW = 16384;

/** The clients that wait for a key, in the order in which they began to. */
export type Waiters = Set<Client>;

/** One of the numbered databases. */
export class Database {
  /** Which database clients see this as; SWAPDB changes it. */
  index: number;
  readonly server: RedisServer;
  map = new Entries();
  expiries = new Expiries();
  /** Clients blocked on keys of this database. */
  readonly waiting = new Map<string, Waiters>();
  /** Clients that watch keys of this database. */
  readonly watched = new Map<string, Set<Client>>();
  /** Saving that is under way. */
  readonly walks = new Set<KeyWatcher>();

  constructor(server: RedisServer, index: number) {
    this.server = server;
    this.index = index;
  }

  get size(): number {
    return this.map.size;
  }

  /** Estimated memory of all entries. */
  get bytes(): number {
    return this.map.bytes;
  }

  /** The entry at a place of the order, for reading; a removed one's place is taken by the last (see `scanDown`). */
  entryAt(place: number): Entry {
    return this.map.at(place);
  }

  /** All entries in order, for reading. */
  *entries(): Generator<Entry> {
    for (let place = 0; place < this.map.size; place++) yield this.map.at(place);
  }

  /** The entry of a key, or undefined when there is none or its time has passed. Leaves counters and access times. */
  peek(key: string): Entry | undefined {
    return this.#alive(this.map.get(key));
  }

  #alive(entry: Entry | undefined): Entry | undefined {
    if (entry === undefined) return undefined;
    if (entry.expireAt !== 0 && this.server.now > entry.expireAt) return this.#expired(entry);
    return entry;
  }

  /**
   * Like {@link read} for those who want a string's bytes alone: a compact string's text, which spares the entry, or
   * else the entry.
   */
  readText(key: string): string | Entry | undefined {
    const { map } = this;
    const ref = map.find(key);
    if (ref >= NOWHERE) return this.read(key);
    const { server } = this;
    server.stats.keyspaceHits++;
    map.setAccess(ref, server.touched(map.access(ref)));
    return map.text(ref);
  }

  /** The same for those who set the string next. */
  writeText(key: string): string | Entry | undefined {
    const { map } = this;
    const ref = map.find(key);
    if (ref >= NOWHERE) return this.write(key);
    map.setAccess(ref, this.server.touched(map.access(ref)));
    return map.text(ref);
  }

  /**
   * Sets a key to a string without an expiry as a compact string, where that can be; false when nothing was done. Tells
   * those who watch or track the key.
   */
  setText(key: string, value: string, client: Client): boolean {
    if (!isShort(key, value) || this.walks.size !== 0) return false;
    const { map, server } = this;
    const ref = map.find(key);
    if (ref >= 0) {
      const entry = map.entry(ref);
      if (entry.type !== TYPE_STRING || entry.expireAt !== 0) return false;
    }
    map.setText(ref, key, value, server.newAccess());
    if (ref === NOWHERE && server.notifyFlags & NOTIFY_NEW) server.notify(NOTIFY_NEW, "new", key, this);
    this.signal(key, client);
    return true;
  }

  /**
   * Adds to a compact string that is an integer, where that can be done in place; NaN when nothing was done. Tells those
   * who watch or track the key.
   */
  countText(key: string, by: number, client: Client): number {
    const { map } = this;
    if (this.walks.size !== 0) return Number.NaN;
    const ref = map.find(key);
    if (ref >= NOWHERE) return Number.NaN;
    const sum = map.count(ref, by);
    if (Number.isNaN(sum)) return sum;
    map.setAccess(ref, this.server.touched(map.access(ref)));
    this.signal(key, client);
    return sum;
  }

  #expired(entry: Entry): Entry | undefined {
    const { server } = this;
    // A file that is read holds the removal of what has expired.
    if (server.loading) return entry;
    if (server.expiryPaused) return undefined;
    this.expire(entry);
    return undefined;
  }

  /** Removes an entry whose time has passed, and tells everyone who is to know. */
  expire(entry: Entry): void {
    const { server } = this;
    const { key } = entry;
    this.delete(entry);
    server.stats.expiredKeys++;
    server.propagateExtra(this, [server.config.lazyfreeLazyExpire ? "UNLINK" : "DEL", key]);
    server.notify(NOTIFY_EXPIRED, "expired", key, this);
    this.signal(key);
  }

  /** The entry for reading: counts a hit or a miss, and notes the access. */
  read(key: string): Entry | undefined {
    const entry = this.peek(key);
    const { server } = this;
    if (entry === undefined) {
      server.stats.keyspaceMisses++;
      if (server.notifyFlags & NOTIFY_MISS) server.notify(NOTIFY_MISS, "keymiss", key, this);
      return undefined;
    }
    server.stats.keyspaceHits++;
    entry.access = server.touched(entry.access);
    return entry;
  }

  /** The entry for those who only ask about it and change nothing: counts a hit or a miss, leaves the access time. */
  look(key: string): Entry | undefined {
    const entry = this.#alive(this.map.look(key));
    if (entry === undefined) {
      this.server.stats.keyspaceMisses++;
      this.server.notify(NOTIFY_MISS, "keymiss", key, this);
    } else this.server.stats.keyspaceHits++;
    return entry;
  }

  /** The entry for changing: notes the access. */
  write(key: string): Entry | undefined {
    const entry = this.peek(key);
    if (entry !== undefined) entry.access = this.server.touched(entry.access);
    return entry;
  }

  /** Adds a key that is not there. */
  add(key: string, type: TypeNumber, value: Value): Entry {
    const { server } = this;
    const entry = new Entry(key, type, value, server.newAccess());
    this.map.insert(entry);
    if (this.walks.size !== 0) for (const walk of this.walks) walk.added(this, entry);
    if (type !== TYPE_STRING && this.waiting.size !== 0) server.keyReady(this, key);
    if (server.notifyFlags & NOTIFY_NEW) server.notify(NOTIFY_NEW, "new", key, this);
    return entry;
  }

  /** Gives an existing key another value and type; the expiry stays. */
  replace(entry: Entry, type: TypeNumber, value: Value): void {
    if (this.walks.size !== 0) for (const walk of this.walks) walk.before(this, entry);
    // Whoever blocks on a stream's group must learn that the stream is gone.
    if (this.waiting.size !== 0 && entry.type !== TYPE_STRING) this.server.keyReady(this, entry.key);
    entry.type = type;
    entry.value = value;
    if (this.waiting.size !== 0 && type !== TYPE_STRING) this.server.keyReady(this, entry.key);
  }

  /** Sets a key to a value whatever was there, without an expiry. */
  set(key: string, type: TypeNumber, value: Value): Entry {
    const entry = this.map.get(key);
    if (entry === undefined) return this.add(key, type, value);
    if (entry.expireAt !== 0) this.persist(entry);
    this.replace(entry, type, value);
    entry.access = this.server.newAccess();
    return entry;
  }

  /** Takes an entry out. Events and propagation are the caller's. */
  delete(entry: Entry): void {
    const { walks } = this;
    if (walks.size === 0) this.map.delete(entry);
    else {
      for (const walk of walks) walk.before(this, entry);
      // A saving walk knows entries by their identity.
      const moved = entry.index === this.size - 1 ? undefined : this.map.unpackedAt(this.size - 1);
      this.map.delete(entry);
      for (const walk of walks) walk.removed(this, entry, moved, this.size);
    }
    if (entry.expireAt !== 0) this.expiries.remove(entry);
    if (this.waiting.size !== 0 && entry.type !== TYPE_STRING) this.server.keyReady(this, entry.key);
  }

  setExpiry(entry: Entry, at: number): void {
    entry.expireAt = at;
    this.expiries.add(entry);
  }

  /** Removes the expiry. */
  persist(entry: Entry): void {
    if (entry.expireAt === 0) return;
    entry.expireAt = 0;
    this.expiries.remove(entry);
  }

  /**
   * To be called after each change of a key's value: counts its memory, and tells those who watch or track it. Whoever
   * has the key's entry at hand gives it.
   */
  changed(key: string, client: Client | undefined, entry: Entry | undefined = this.map.get(key)): void {
    if (entry !== undefined) this.map.account(entry);
    this.signal(key, client);
  }

  /** Like {@link changed} for a key that is gone. */
  signal(key: string, client?: Client): void {
    if (this.watched.size !== 0) this.#touchWatched(key);
    if (this.server.tracking.active) this.server.tracking.invalidate(key, client);
  }

  #touchWatched(key: string): void {
    const clients = this.watched.get(key);
    if (clients === undefined) return;
    for (const client of clients) client.watchTouched(this, key);
  }

  /** A random entry that is not expired, or undefined. */
  random(): Entry | undefined {
    const { server } = this;
    for (let tries = 0; this.size > 0; tries++) {
      const entry = this.entryAt(Math.floor(server.random() * this.size));
      if (entry.expireAt === 0 || server.now <= entry.expireAt) return entry;
      if (server.expiryPaused && tries > 100) return entry;
      this.#expired(entry);
    }
    return undefined;
  }

  /** Drops everything; tells how many keys there were. */
  clear(): number {
    const count = this.size;
    this.map = new Entries();
    this.expiries = new Expiries();
    return count;
  }
}
