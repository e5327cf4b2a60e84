/** Compiles a mapping: rows of a file in, records of an entity out. */

import { KeyfoldError } from "../../internal/errors.js";
import type { EntityData } from "../../model/description.js";
import type { MappingData, SourceData, SourceRow } from "../../model/mapping.js";
import { fromJson, type ReadText, textReader, ValueError } from "./values.js";

export type RecordValue = Record<string, unknown>;

/** Makes a record of a row; throws {@link ValueError} with the reason when it cannot. */
export interface Converter<Cells> {
  convert(cells: Cells, line: number, row: number): RecordValue;
}

/** A field that is read from a CSV column. */
interface ColumnStep {
  readonly field: string;
  readonly column: string;
  readonly index: number;
  readonly read: ReadText;
  readonly keepEmpty: boolean;
  readonly required: boolean;
}

interface ComputeStep {
  readonly field: string;
  readonly compute: (record: RecordValue, row: SourceRow) => unknown;
}

const isColumn = (source: SourceData): source is string | Extract<SourceData, { column: string }> =>
  typeof source === "string" || "column" in source;

/** The mapping with a source for every field of the entity, checked. */
function sourcesOf(entity: EntityData, mapping: MappingData): [string, SourceData][] {
  for (const [field, source] of Object.entries(mapping)) {
    if (!Object.hasOwn(entity.fields, field)) {
      throw new KeyfoldError(
        "INPUT_INVALID",
        `mappings.${entity.name} names a field ${field}, which ${entity.name} does not have`,
        {
          fix: `Its fields are ${Object.keys(entity.fields).join(", ")}.`,
        },
      );
    }
    const known =
      typeof source === "string" ||
      (typeof source === "object" &&
        source !== null &&
        ("column" in source ||
          ("compute" in source && typeof source.compute === "function") ||
          ("row" in source && source.row === "number")));
    if (!known) {
      throw new KeyfoldError("INPUT_INVALID", `mappings.${entity.name}.${field} is not a source`, {
        fix: 'Write a column\'s name, { column, parse }, { compute } or { row: "number" }.',
      });
    }
  }
  return Object.keys(entity.fields).map((field) => [field, mapping[field] ?? field]);
}

/** Compiles for a CSV file with these columns. A column that the mapping names and the file lacks is an error now, not on each row. */
export function csvConverter(entity: EntityData, mapping: MappingData, header: readonly string[]): Converter<string[]> {
  const columns: ColumnStep[] = [];
  const computed: ComputeStep[] = [];
  const rowNumbers: string[] = [];
  const missing: string[] = [];
  for (const [field, source] of sourcesOf(entity, mapping)) {
    const type = entity.fields[field]!;
    if (isColumn(source)) {
      const { column, parse, empty } =
        typeof source === "string" ? { column: source, parse: undefined, empty: undefined } : source;
      const index = header.indexOf(column);
      if (index === -1) {
        const needed = entity.key.includes(field) || (!type.optional && entity.validation === "fields");
        if (mapping[field] !== undefined || needed) missing.push(column);
        continue;
      }
      columns.push({
        field,
        column,
        index,
        read: parse === undefined ? textReader(type) : rememberingLast(parse),
        keepEmpty: empty === "keep",
        required: !type.optional && entity.validation === "fields",
      });
    } else if ("compute" in source) {
      computed.push({ field, compute: source.compute });
    } else {
      rowNumbers.push(field);
    }
  }
  if (missing.length > 0) {
    throw new KeyfoldError(
      "INPUT_INVALID",
      `the file has no column ${missing.join(", ")}; its columns are ${header.map((name) => (name === "" ? '""' : name)).join(", ")}`,
      {
        fix: `Map columns to the fields of ${entity.name} with the model file's export mappings.${entity.name}, or name another --delimiter.`,
      },
    );
  }
  const doubled = columns.find(({ column }) => header.indexOf(column) !== header.lastIndexOf(column));
  if (doubled !== undefined) {
    throw new KeyfoldError("INPUT_INVALID", `the file has two columns called ${doubled.column}`, {
      fix: "Rename one of them.",
    });
  }
  return {
    convert(cells, line, row) {
      const record: RecordValue = {};
      for (const step of columns) {
        const text = cells[step.index] as string;
        if (text === "" && !step.keepEmpty) {
          if (step.required)
            throw new ValueError(`column ${step.column} is empty, and ${step.field} must have a value`);
          continue;
        }
        let value: unknown;
        try {
          value = step.read(text);
        } catch (error) {
          throw new ValueError(`column ${step.column}: ${(error as Error).message}`);
        }
        if (value !== undefined) record[step.field] = value;
      }
      for (const field of rowNumbers) record[field] = row;
      if (computed.length > 0) {
        const named = () => Object.fromEntries(header.map((name, at) => [name, cells[at]]));
        compute(record, computed, new LazyRow(named, line, row));
      }
      return record;
    },
  };
}

/** Neighbouring rows often share a value (a moment, a place), and a user's parser may be slow. */
function rememberingLast(parse: ReadText): ReadText {
  let lastText: string | undefined;
  let lastValue: unknown;
  return (text) => {
    if (text !== lastText) {
      lastValue = parse(text);
      lastText = text;
    }
    return lastValue;
  };
}

/** Compiles for objects of NDJSON. Without a mapping, members go to the fields of their names. */
export function jsonConverter(entity: EntityData, mapping: MappingData): Converter<Record<string, unknown>> {
  const sources = sourcesOf(entity, mapping);
  const taken = new Set(
    sources.flatMap(([, source]) => (isColumn(source) ? [typeof source === "string" ? source : source.column] : [])),
  );
  const mapped = Object.keys(mapping).length > 0;
  const computed: ComputeStep[] = sources.flatMap(([field, source]) =>
    typeof source === "object" && "compute" in source ? [{ field, compute: source.compute }] : [],
  );
  return {
    convert(cells, line, row) {
      const record: RecordValue = {};
      for (const [field, source] of sources) {
        if (isColumn(source)) {
          const { column, parse } = typeof source === "string" ? { column: source, parse: undefined } : source;
          const cell = Object.hasOwn(cells, column) ? cells[column] : undefined;
          if (cell === undefined) continue;
          let value: unknown;
          try {
            value =
              parse !== undefined && typeof cell === "string" ? parse(cell) : fromJson(entity.fields[field]!, cell);
          } catch (error) {
            throw new ValueError(`${column}: ${(error as Error).message}`);
          }
          if (value !== undefined) record[field] = value;
        } else if ("row" in source) {
          record[field] = row;
        }
      }
      // Without a mapping, a member that is no field would be dropped in silence: that is guessing.
      if (!mapped) {
        for (const name of Object.keys(cells)) {
          if (!taken.has(name)) throw new ValueError(`${name} is no field of ${entity.name}`);
        }
      }
      if (computed.length > 0) compute(record, computed, { cells, line, row });
      return record;
    },
  };
}

/** The row as a compute function sees it; its cells are put together only when they are asked for. */
class LazyRow implements SourceRow {
  readonly line: number;
  readonly row: number;
  readonly #read: () => Record<string, unknown>;

  constructor(read: () => Record<string, unknown>, line: number, row: number) {
    this.#read = read;
    this.line = line;
    this.row = row;
  }

  get cells(): Record<string, unknown> {
    return this.#read();
  }
}

function compute(record: RecordValue, steps: readonly ComputeStep[], row: SourceRow): void {
  for (const { field, compute } of steps) {
    let value: unknown;
    try {
      value = compute(record, row);
    } catch (error) {
      throw new ValueError(`${field}: ${(error as Error).message}`);
    }
    if (value !== undefined) record[field] = value;
  }
}
