import { inspect } from "node:util";
import { Client, policies } from "cassandra-driver";
import { contacts } from "../clients.js";
import type { Statement } from "./statements.js";

/** A client that shows values as they are: maps as maps, unset as undefined. */
export async function connect(url: string): Promise<Client> {
  const { hosts, port } = contacts(url);
  const client = new Client({
    contactPoints: hosts.map((host) => `${host}:${port}`),
    localDataCenter: "datacenter1",
    policies: { retry: new policies.retry.FallthroughRetryPolicy() },
    encoding: { map: Map, set: Set },
  });
  await client.connect();
  return client;
}

/** What a server answered: rows with their names and types, or the code of its error. */
export interface Answer {
  readonly text: string;
  /** The error's words, which are not compared. */
  readonly message: string | undefined;
}

const mostPages = 200;

export async function ask(client: Client, { text, bound, fetchSize }: Statement): Promise<Answer> {
  const rows: string[] = [];
  let columns = "";
  try {
    let pageState: string | undefined;
    let pages = 0;
    do {
      const result = await client.execute(text, bound === undefined ? [] : [...bound], {
        prepare: bound !== undefined,
        fetchSize,
        ...(pageState === undefined ? {} : { pageState }),
      });
      columns = (result.columns ?? []).map(({ name, type }) => `${name} ${inspect(type, { depth: 9 })}`).join(", ");
      for (const row of result.rows ?? []) rows.push(inspect(row.values(), { depth: 9, breakLength: 1000 }));
      pageState = result.pageState ?? undefined;
      if (++pages > mostPages) throw new Error(`more than ${mostPages} pages`);
    } while (pageState !== undefined);
    return { text: [columns, ...rows].join("\n"), message: undefined };
  } catch (error) {
    const { code, message } = error as { code?: number; message: string };
    // What a driver says by itself, it says for both.
    if (typeof code !== "number") return { text: `not sent: ${message}`, message };
    return { text: `error 0x${code.toString(16)}`, message };
  }
}
