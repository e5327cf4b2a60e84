import type { Client } from "cassandra-driver";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningCassandra, startCassandra } from "../../../src/engines/cassandra/server.js";
import { ask, connect } from "./compare.js";
import { knownDifference } from "./known-differences.js";
import { type Statement, statementOf } from "./statements.js";
import { createTable, type Table, tables, udts } from "./tables.js";

/** A real server in which a keyspace may be made: `cassandra://127.0.0.1:PORT`. */
const url = process.env["KEYFOLD_TEST_CASSANDRA_ORACLE_URL"];
/** How many sequences for each table; a new seed each time unless one is given (a failure prints its own). */
const runs = Number(process.env["KEYFOLD_TEST_CASSANDRA_RUNS"] ?? 12);
const seed = process.env["KEYFOLD_TEST_CASSANDRA_SEED"];
/** Set, errors that have other words are printed at the end. */
const showMessages = process.env["KEYFOLD_TEST_CASSANDRA_MESSAGES"] !== undefined;

const keyspace = "agreement";

describe.skipIf(url === undefined)(
  "the embedded Cassandra and a real one (needs KEYFOLD_TEST_CASSANDRA_ORACLE_URL)",
  () => {
    let engine: RunningCassandra;
    let ours: Client;
    let theirs: Client;
    const words = new Map<string, string>();

    beforeAll(async () => {
      engine = await startCassandra();
      ours = await connect(engine.url);
      theirs = await connect(url!);
      for (const client of [ours, theirs]) {
        await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`);
        await client.execute(
          `CREATE KEYSPACE ${keyspace} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
        );
        await client.execute(`USE ${keyspace}`);
        for (const text of udts) await client.execute(text);
        for (const table of tables) {
          await client.execute(createTable(table));
          for (const text of table.indexes) await client.execute(text);
        }
      }
    }, 120_000);
    afterAll(async () => {
      for (const text of [...words.keys()].sort()) console.log(`${text}\n${words.get(text)}`);
      await ours?.shutdown();
      await theirs?.shutdown();
      await engine?.close();
    });

    /** The first statement that is answered differently, with both answers. */
    async function firstDifference(table: Table, statements: readonly Statement[]) {
      for (const client of [ours, theirs]) await client.execute(`TRUNCATE ${table.name}`);
      for (const statement of statements) {
        const [left, right] = await Promise.all([ask(ours, statement), ask(theirs, statement)]);
        if (showMessages && left.message !== right.message)
          words.set(`ours:   ${left.message}\ntheirs: ${right.message}`, statement.text);
        if (left.text === right.text || knownDifference(statement, left, right)) continue;
        return { statement, ours: left, theirs: right };
      }
      return undefined;
    }

    it.each(tables)(
      "give the same rows, order, types and error codes for any statements on the table $name",
      async (table) => {
        const sequences = fc.record({
          isTimed: fc.boolean(),
          numbers: fc.array(fc.nat({ max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 40, size: "max" }),
        });
        await fc.assert(
          fc.asyncProperty(sequences, async ({ isTimed, numbers }) => {
            const statements = numbers.map((number) => statementOf(number, table, isTimed));
            expect(await firstDifference(table, statements), statements.map(({ text }) => text).join("\n")).toBe(
              undefined,
            );
          }),
          { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }) },
        );
      },
      30 * 60_000,
    );
  },
);
