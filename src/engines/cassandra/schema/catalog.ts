/** All keyspaces, types, tables and indexes, kept in the store so that they are there after a restart. */
import { createHash } from "node:crypto";
import type { Store } from "../../storage/store.js";
import { invalid } from "../errors.js";
import { type CqlType, UserType } from "../types/type.js";
import { systemKeyspaces } from "./system-schema.js";
import { type Column, type Compact, type Index, Table, type TableFacts, type TableOptions } from "./table.js";
import { type FindType, typeFromText } from "./types.js";

export interface Keyspace {
  readonly name: string;
  /** `class` and what the strategy takes. */
  readonly replication: ReadonlyMap<string, string>;
  readonly durableWrites: boolean;
  readonly isVirtual: boolean;
  readonly tables: ReadonlyMap<string, Table>;
  readonly types: ReadonlyMap<string, UserType>;
}

/** What a change of the schema was, as clients are told. */
export interface SchemaChange {
  readonly change: "CREATED" | "UPDATED" | "DROPPED";
  readonly target: "KEYSPACE" | "TABLE" | "TYPE";
  readonly keyspace: string;
  readonly name: string | undefined;
}

/** The tree that holds the schema. */
const schemaTree = 1;
/** Trees of tables begin here; those below are the engine's own. */
const firstTableTree = 16;

type SavedOption = string | Readonly<Record<string, string>>;

interface SavedTable {
  readonly kind: "table";
  readonly keyspace: string;
  readonly name: string;
  readonly id: string;
  readonly tree: number;
  readonly nextColumn: number;
  readonly compact: Compact;
  readonly columns: readonly (Omit<Column, "type"> & { readonly type: string })[];
  readonly options: Readonly<Record<string, SavedOption>>;
  readonly indexes: readonly (Omit<Index, "options"> & { readonly options: Readonly<Record<string, string>> })[];
  readonly dropped: readonly { id: number; name: string; type: string; isStatic: boolean; droppedAt: string }[];
}

interface SavedKeyspace {
  readonly kind: "keyspace";
  readonly name: string;
  readonly replication: Readonly<Record<string, string>>;
  readonly durableWrites: boolean;
}

interface SavedType {
  readonly kind: "type";
  readonly keyspace: string;
  readonly name: string;
  readonly order: number;
  readonly names: readonly string[];
  readonly types: readonly string[];
}

function toObject(options: TableOptions): Record<string, SavedOption> {
  return Object.fromEntries(
    [...options].map(([name, value]) => [name, typeof value === "string" ? value : Object.fromEntries(value)]),
  );
}

function toMap(options: Readonly<Record<string, SavedOption>>): TableOptions {
  return new Map(
    Object.entries(options).map(([name, value]) => [
      name,
      typeof value === "string" ? value : new Map(Object.entries(value)),
    ]),
  );
}

interface MutableKeyspace {
  readonly name: string;
  replication: ReadonlyMap<string, string>;
  durableWrites: boolean;
  readonly isVirtual: boolean;
  readonly tables: Map<string, Table>;
  readonly types: Map<string, UserType>;
}

export class Catalog {
  readonly #store: Store;
  readonly #keyspaces = new Map<string, MutableKeyspace>();
  #nextTree = firstTableTree;
  #nextType = 1;
  #version = Buffer.alloc(16);
  #changes = 0;
  /** Told of each change, after it was made. */
  onChange: ((change: SchemaChange) => void) | undefined;

  constructor(store: Store) {
    this.#store = store;
    this.load();
  }

  /** Reads the schema from the store. */
  load(): void {
    this.#keyspaces.clear();
    this.#nextTree = firstTableTree;
    this.#nextType = 1;
    for (const keyspace of systemKeyspaces()) {
      this.#keyspaces.set(keyspace.name, {
        ...keyspace,
        tables: new Map(keyspace.tables),
        types: new Map(keyspace.types),
      });
    }
    const saved: (SavedKeyspace | SavedTable | SavedType)[] = [];
    const cursor = this.#store.tree(schemaTree).scan();
    while (cursor.next()) saved.push(JSON.parse(cursor.value.toString()) as SavedKeyspace | SavedTable | SavedType);
    for (const each of saved) {
      if (each.kind !== "keyspace") continue;
      this.#keyspaces.set(each.name, {
        name: each.name,
        replication: new Map(Object.entries(each.replication)),
        durableWrites: each.durableWrites,
        isVirtual: false,
        tables: new Map(),
        types: new Map(),
      });
    }
    // A type may use only those that were there before it.
    const types = saved.filter((each) => each.kind === "type").sort((a, b) => a.order - b.order);
    for (const each of types) {
      const fields = {
        names: [...each.names],
        types: each.types.map((text) => typeFromText(text, each.keyspace, this.findType)),
      };
      this.#keyspaces.get(each.keyspace)?.types.set(each.name, new UserType(each.keyspace, each.name, fields, false));
      this.#nextType = Math.max(this.#nextType, each.order + 1);
    }
    for (const each of saved) {
      if (each.kind !== "table") continue;
      const type = (text: string): CqlType => typeFromText(text, each.keyspace, this.findType);
      const table = new Table({
        keyspace: each.keyspace,
        name: each.name,
        id: Buffer.from(each.id, "hex"),
        tree: each.tree,
        nextColumn: each.nextColumn,
        compact: each.compact,
        columns: each.columns.map((column) => ({ ...column, type: type(column.type) })),
        options: toMap(each.options),
        indexes: each.indexes.map((index) => ({ ...index, options: new Map(Object.entries(index.options)) })),
        dropped: each.dropped.map((column) => ({
          ...column,
          type: type(column.type),
          droppedAt: BigInt(column.droppedAt),
        })),
        isVirtual: false,
      });
      this.#keyspaces.get(each.keyspace)?.tables.set(each.name, table);
      this.#nextTree = Math.max(this.#nextTree, each.tree + 1, ...each.indexes.map(({ tree }) => tree + 1));
    }
    this.#renew();
  }

  #renew(): void {
    this.#changes++;
    const hash = createHash("md5");
    for (const keyspace of this.#keyspaces.values()) {
      if (keyspace.isVirtual) continue;
      hash.update(keyspace.name).update(JSON.stringify([...keyspace.replication]));
      for (const type of keyspace.types.values()) hash.update(`${type.typeName} ${type.fields.names.join()}`);
      for (const table of keyspace.tables.values())
        hash
          .update(table.facts.id)
          .update(
            JSON.stringify([
              table.facts.columns.map((column) => [column.name, column.type.name]),
              toObject(table.facts.options),
              table.facts.indexes,
            ]),
          );
    }
    const version = hash.digest();
    version[6] = (version[6]! & 0x0f) | 0x30;
    version[8] = (version[8]! & 0x3f) | 0x80;
    this.#version = version;
  }

  /** The UUID of this state of the schema. */
  get version(): Buffer {
    return this.#version;
  }

  /** Grows with each change; what was prepared before one looks at the tables anew. */
  get changes(): number {
    return this.#changes;
  }

  keyspaces(): Iterable<Keyspace> {
    return this.#keyspaces.values();
  }

  keyspace(name: string): Keyspace | undefined {
    return this.#keyspaces.get(name);
  }

  /** A table that must be there. */
  table(keyspace: string, name: string): Table {
    const in_ = this.#keyspaces.get(keyspace);
    if (in_ === undefined) throw invalid(`Keyspace ${keyspace} does not exist`);
    const table = in_.tables.get(name);
    if (table === undefined) throw invalid(`table ${name} does not exist`);
    return table;
  }

  readonly findType: FindType = (keyspace, name) => this.#keyspaces.get(keyspace)?.types.get(name);

  /** The table that has an index with this name. */
  tableOfIndex(keyspace: string, index: string): Table | undefined {
    for (const table of this.#keyspaces.get(keyspace)?.tables.values() ?? [])
      if (table.facts.indexes.some(({ name }) => name === index)) return table;
    return undefined;
  }

  newTree(): number {
    return this.#nextTree++;
  }

  #save(key: string, value: object | undefined): void {
    const tree = this.#store.tree(schemaTree);
    void this.#store.write(() => {
      if (value === undefined) tree.delete(key);
      else tree.put(key, Buffer.from(JSON.stringify(value)));
    });
  }

  #key(...parts: readonly string[]): string {
    return Buffer.from(parts.join("\0")).toString("latin1");
  }

  #done(change: SchemaChange): SchemaChange {
    this.#renew();
    this.onChange?.(change);
    return change;
  }

  putKeyspace(name: string, replication: ReadonlyMap<string, string>, durableWrites: boolean): SchemaChange {
    const before = this.#keyspaces.get(name);
    if (before === undefined)
      this.#keyspaces.set(name, {
        name,
        replication,
        durableWrites,
        isVirtual: false,
        tables: new Map(),
        types: new Map(),
      });
    else {
      before.replication = replication;
      before.durableWrites = durableWrites;
    }
    const saved: SavedKeyspace = {
      kind: "keyspace",
      name,
      replication: Object.fromEntries(replication),
      durableWrites,
    };
    this.#save(this.#key("1", name), saved);
    return this.#done({
      change: before === undefined ? "CREATED" : "UPDATED",
      target: "KEYSPACE",
      keyspace: name,
      name: undefined,
    });
  }

  dropKeyspace(name: string): SchemaChange {
    const keyspace = this.#keyspaces.get(name)!;
    for (const table of keyspace.tables.values()) this.#save(this.#key("3", name, table.name), undefined);
    for (const type of keyspace.types.values()) this.#save(this.#key("2", name, type.typeName), undefined);
    this.#save(this.#key("1", name), undefined);
    this.#keyspaces.delete(name);
    return this.#done({ change: "DROPPED", target: "KEYSPACE", keyspace: name, name: undefined });
  }

  putTable(table: Table): SchemaChange {
    const { tables } = this.#keyspaces.get(table.keyspace)!;
    const before = tables.has(table.name);
    tables.set(table.name, table);
    this.#save(this.#key("3", table.keyspace, table.name), this.#savedTable(table.facts));
    return this.#done({
      change: before ? "UPDATED" : "CREATED",
      target: "TABLE",
      keyspace: table.keyspace,
      name: table.name,
    });
  }

  #savedTable(facts: TableFacts): SavedTable {
    return {
      kind: "table",
      keyspace: facts.keyspace,
      name: facts.name,
      id: facts.id.toString("hex"),
      tree: facts.tree,
      nextColumn: facts.nextColumn,
      compact: facts.compact,
      columns: facts.columns.map((column) => ({ ...column, type: column.type.name })),
      options: toObject(facts.options),
      indexes: facts.indexes.map((index) => ({ ...index, options: Object.fromEntries(index.options) })),
      dropped: facts.dropped.map((column) => ({
        ...column,
        type: column.type.name,
        droppedAt: column.droppedAt.toString(),
      })),
    };
  }

  dropTable(table: Table): SchemaChange {
    this.#keyspaces.get(table.keyspace)!.tables.delete(table.name);
    this.#save(this.#key("3", table.keyspace, table.name), undefined);
    return this.#done({ change: "DROPPED", target: "TABLE", keyspace: table.keyspace, name: table.name });
  }

  putType(type: UserType): SchemaChange {
    const { types, tables } = this.#keyspaces.get(type.keyspace)!;
    const before = types.has(type.typeName);
    types.set(type.typeName, type);
    const saved: SavedType = {
      kind: "type",
      keyspace: type.keyspace,
      name: type.typeName,
      order: this.#nextType++,
      names: type.fields.names,
      types: type.fields.types.map((field) => field.name),
    };
    this.#save(this.#key("2", type.keyspace, type.typeName), saved);
    // What was prepared on tables with this type has to look at it anew.
    for (const [name, table] of tables)
      if (table.all.some((column) => column.type.userTypes().some((used) => used.fields === type.fields)))
        tables.set(name, table.with({}));
    return this.#done({
      change: before ? "UPDATED" : "CREATED",
      target: "TYPE",
      keyspace: type.keyspace,
      name: type.typeName,
    });
  }

  dropType(type: UserType): SchemaChange {
    this.#keyspaces.get(type.keyspace)!.types.delete(type.typeName);
    this.#save(this.#key("2", type.keyspace, type.typeName), undefined);
    return this.#done({ change: "DROPPED", target: "TYPE", keyspace: type.keyspace, name: type.typeName });
  }
}
