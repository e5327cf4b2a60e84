import type { Table } from "./table.js";

/**
 * Capacity units, counted as DynamoDB does.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
 */

const readBytes = 4096;
const writeBytes = 1024;

/** Units of reading so many bytes: half of them for an eventually consistent read. */
export function readUnits(bytes: number, strong: boolean): number {
  const units = Math.max(1, Math.ceil(bytes / readBytes));
  return strong ? units : units / 2;
}

/** Units of writing an item of so many bytes, the larger of before and after. */
export function writeUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / writeBytes));
}

/** What `ReturnConsumedCapacity` asks for. */
export type CapacityDetail = "NONE" | "TOTAL" | "INDEXES";

/** Units that one request takes from a table and its indexes. */
export class Consumption {
  readonly table: Table;
  tableUnits = 0;
  #indexes: Map<string, number> | undefined;

  constructor(table: Table) {
    this.table = table;
  }

  index(name: string, units: number): void {
    this.#indexes ??= new Map();
    this.#indexes.set(name, (this.#indexes.get(name) ?? 0) + units);
  }

  /** Adds what another request of the same table used. */
  add(other: Consumption): void {
    this.tableUnits += other.tableUnits;
    for (const [name, units] of other.#indexes ?? []) this.index(name, units);
  }

  /** Units that this index was counted. */
  indexUnits(name: string): number {
    return this.#indexes?.get(name) ?? 0;
  }

  /** All of it doubled: a transaction reads or writes everything twice. */
  double(): void {
    this.tableUnits *= 2;
    for (const [name, units] of this.#indexes ?? []) this.#indexes!.set(name, units * 2);
  }

  get total(): number {
    let sum = this.tableUnits;
    for (const units of this.#indexes?.values() ?? []) sum += units;
    return sum;
  }

  /** As a reply tells it; `kind` names the units of transactions, which are told apart there. */
  report(detail: CapacityDetail, kind?: "ReadCapacityUnits" | "WriteCapacityUnits"): object {
    const units = (value: number): object => ({
      CapacityUnits: value,
      ...(kind === undefined ? {} : { [kind]: value }),
    });
    const out: Record<string, unknown> = { TableName: this.table.name, ...units(this.total) };
    if (detail !== "INDEXES") return out;
    out["Table"] = units(this.tableUnits);
    const locals: Record<string, object> = {};
    const globals: Record<string, object> = {};
    for (const [name, value] of this.#indexes ?? []) {
      (this.table.index(name)?.definition.global ? globals : locals)[name] = units(value);
    }
    if (Object.keys(locals).length > 0) out["LocalSecondaryIndexes"] = locals;
    if (Object.keys(globals).length > 0) out["GlobalSecondaryIndexes"] = globals;
    return out;
  }
}

/** Units that a request of several tables takes, by table. */
export class ConsumptionByTable {
  readonly #byTable = new Map<Table, Consumption>();

  of(table: Table): Consumption {
    let own = this.#byTable.get(table);
    if (own === undefined) {
      own = new Consumption(table);
      this.#byTable.set(table, own);
    }
    return own;
  }

  /** As a reply tells them, in the order in which tables were first used. */
  report(...how: Parameters<Consumption["report"]>): object[] {
    return [...this.#byTable.values()].map((each) => each.report(...how));
  }
}
