import type { Cursor } from "../../storage/store.js";
import { after } from "../../storage/store.js";
import { Doc } from "../bson/doc.js";
import { mongoError } from "../errors.js";
import type { Collection } from "./collection.js";
import type { Deadline } from "./deadline.js";
import { recordIdLength } from "./key-encoding.js";
import type { Matcher } from "./language.js";
import type { Access, IndexScan } from "./plan.js";

/** What one access did; counted as it is done. */
export interface Counters {
  keysExamined: number;
  docsExamined: number;
  seeks: number;
  duplicates: number;
  returned: number;
  /** Records that the access gave before the filter. */
  fetched: number;
}

/** A running access over one collection: gives the records that match, one by one, in the order of the access. */
export class Execution {
  /** The current record's id and document; valid after `next()` said true. */
  record = "";
  doc: Doc = nothing;
  readonly counters: Counters = { keysExamined: 0, docsExamined: 0, seeks: 0, duplicates: 0, returned: 0, fetched: 0 };
  readonly collection: Collection;
  readonly access: Access;
  readonly #matcher: Matcher | undefined;
  readonly #deadline: Deadline | undefined;
  readonly #step: () => boolean;
  readonly #version: number;
  #bytes: Buffer | undefined;

  constructor(collection: Collection, access: Access, matcher: Matcher | undefined, deadline: Deadline | undefined) {
    this.collection = collection;
    this.access = access;
    this.#matcher = matcher;
    this.#deadline = deadline;
    this.#version = collection.version;
    this.#step = this.#stepper(access);
  }

  next(): boolean {
    const deadline = this.#deadline;
    const matcher = this.#matcher;
    this.#checkCollection();
    while (this.#step()) {
      deadline?.step();
      this.counters.fetched++;
      const doc = Doc.raw(this.#bytes!);
      if (matcher !== undefined && !matcher.matches(doc)) continue;
      this.doc = doc;
      this.counters.returned++;
      return true;
    }
    return false;
  }

  #checkCollection(): void {
    if (this.collection.dropped) {
      throw mongoError(175, `collection dropped. UUID ${this.collection.uuid.toString("hex")}`);
    }
    if (this.access.kind !== "collscan" && this.collection.version !== this.#version) {
      const used = this.access.kind === "ixscan" ? [this.access] : this.access.kind === "or" ? this.access.scans : [];
      for (const { index } of used) {
        if (!this.collection.indexes.includes(index)) {
          throw mongoError(175, `index '${index.name}' dropped`);
        }
      }
    }
  }

  #stepper(access: Access): () => boolean {
    switch (access.kind) {
      case "eof":
        return () => false;
      case "collscan":
        return this.#collectionScan(access.reverse);
      case "idhack":
        return this.#idLookup(access.key);
      case "ixscan":
        return this.#fetching(this.#indexScan(access, new Set()));
      case "or": {
        // A record that several branches find is given once.
        const seen = new Set<string>();
        const scans = access.scans.map((scan) => this.#indexScan(scan, seen, true));
        let at = 0;
        return this.#fetching(() => {
          while (at < scans.length) {
            const record = scans[at]!();
            if (record !== undefined) return record;
            at++;
          }
          return undefined;
        });
      }
      default: {
        const never: never = access;
        throw new Error(`not an access: ${String(never)}`);
      }
    }
  }

  #collectionScan(reverse: boolean): () => boolean {
    const cursor = this.collection.records.scan({ reverse });
    return () => {
      if (!cursor.next()) return false;
      this.counters.docsExamined++;
      this.record = cursor.key;
      this.#bytes = cursor.value;
      return true;
    };
  }

  #idLookup(key: string): () => boolean {
    let done = false;
    return () => {
      if (done) return false;
      done = true;
      this.counters.keysExamined++;
      const found = this.collection.idIndex.tree.first(key, after(key));
      if (found === undefined) return false;
      const record = found.slice(-recordIdLength);
      const bytes = this.collection.records.get(record);
      if (bytes === undefined) return false;
      this.counters.docsExamined++;
      this.record = record;
      this.#bytes = bytes;
      return true;
    };
  }

  #fetching(nextRecord: () => string | undefined): () => boolean {
    return () => {
      for (;;) {
        const record = nextRecord();
        if (record === undefined) return false;
        const bytes = this.collection.records.get(record);
        this.counters.docsExamined++;
        // Deleted since its key was read.
        if (bytes === undefined) continue;
        this.record = record;
        this.#bytes = bytes;
        return true;
      }
    };
  }

  #indexScan(scan: IndexScan, seen: Set<string>, always = false): () => string | undefined {
    const next = scan.mergePrefixes === undefined ? this.#ranges(scan) : this.#merged(scan, scan.mergePrefixes);
    const dedupe = always || scan.index.isMultikey;
    return () => {
      for (;;) {
        const key = next();
        if (key === undefined) return undefined;
        const record = key.slice(-recordIdLength);
        // A document that becomes multikey while the scan runs could come twice.
        if (dedupe || scan.index.isMultikey) {
          if (seen.has(record)) {
            this.counters.duplicates++;
            continue;
          }
          seen.add(record);
        }
        return record;
      }
    };
  }

  #ranges(scan: IndexScan): () => string | undefined {
    const { reverse, index } = scan;
    const ranges = reverse ? [...scan.ranges].reverse() : scan.ranges;
    let at = 0;
    let cursor: Cursor | undefined;
    return () => {
      for (;;) {
        if (cursor === undefined) {
          const range = ranges[at++];
          if (range === undefined) return undefined;
          cursor = index.tree.scan({ from: range.from, to: range.to, reverse });
          this.counters.seeks++;
        }
        if (cursor.next()) {
          this.counters.keysExamined++;
          return cursor.key;
        }
        cursor = undefined;
      }
    };
  }

  /** Several ranges whose keys begin differently and go on in one order: the smallest rest first. */
  #merged(scan: IndexScan, prefixes: readonly number[]): () => string | undefined {
    const { reverse, index } = scan;
    const open = scan.ranges.map((range, at) => ({
      cursor: index.tree.scan({ from: range.from, to: range.to, reverse }),
      prefix: prefixes[at]!,
      rest: "",
    }));
    this.counters.seeks += open.length;
    const advance = (one: (typeof open)[number]): boolean => {
      if (!one.cursor.next()) return false;
      this.counters.keysExamined++;
      one.rest = one.cursor.key.slice(one.prefix);
      return true;
    };
    let live: typeof open | undefined;
    let last: (typeof open)[number] | undefined;
    return () => {
      if (live === undefined) live = open.filter(advance);
      else if (last !== undefined && !advance(last)) live = live.filter((one) => one !== last);
      last = live[0];
      for (const one of live) {
        if (reverse ? one.rest > last!.rest : one.rest < last!.rest) last = one;
      }
      return last?.cursor.key;
    };
  }
}

const nothing = new Doc();
