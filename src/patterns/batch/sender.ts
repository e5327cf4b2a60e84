import { type Clock, systemClock } from "../../internal/clock.js";
import { Deadline } from "../../internal/deadline.js";
import { KeyfoldError } from "../../internal/errors.js";
import { RetryBudget, retry } from "../../internal/retry.js";
import type { BatchSender } from "../dynamodb/batch-run.js";
import type { ItemForm } from "../dynamodb/batches.js";
import { type ClientLike, type Doc, type Operation, sendOperation } from "../dynamodb/driver.js";
import { failureOf } from "../dynamodb/errors.js";
import { tracedAttempt } from "../dynamodb/traced.js";
import { attributeForm, nativeForm } from "./item-forms.js";

/** The longest that a table is asked for its key, in milliseconds. */
const DESCRIBE_MS = 10_000;

/** Sends batches to one table by a user's client, in the client's own form of items. */
export class TableSender<Item> implements BatchSender {
  readonly table: string;
  readonly clock: Clock = systemClock;
  readonly budget = new RetryBudget();
  readonly #client: ClientLike;
  readonly #native: boolean;
  #key: readonly string[] | undefined;
  /** Under way: what many calls wait for. */
  #asked: Promise<readonly string[]> | undefined;

  constructor(client: ClientLike, table: string, key: readonly string[] | undefined) {
    this.#client = client;
    this.table = table;
    this.#native = isDocumentClient(client);
    this.#key = key;
  }

  /** How this client's items are measured and told apart. */
  form(key: readonly string[]): ItemForm<Item> {
    return (this.#native ? nativeForm(key) : attributeForm(key)) as unknown as ItemForm<Item>;
  }

  /** Attributes of the table's key, asked for once, in a time of its own: no call ends it for those that wait beside it. */
  async key(deadline: Deadline): Promise<readonly string[]> {
    if (this.#key !== undefined) return this.#key;
    if (this.#asked === undefined) {
      this.#asked = this.#describeKey();
      this.#asked.then(
        (key) => {
          this.#key = key;
        },
        () => {
          this.#asked = undefined;
        },
      );
    }
    const asked = this.#asked;
    return deadline.run(() => asked);
  }

  async #describeKey(): Promise<readonly string[]> {
    using deadline = new Deadline({ deadlineMs: DESCRIBE_MS, clock: this.clock });
    try {
      const output = await retry(
        (attempt) => this.once("DescribeTable", { TableName: this.table }, attempt, deadline),
        (thrown) => ({ retry: failureOf(thrown).retry }),
        deadline,
        { budget: this.budget, clock: this.clock },
      );
      const schema = (output["Table"] as { readonly KeySchema?: readonly { readonly AttributeName?: string }[] })
        .KeySchema;
      return (schema ?? []).map(({ AttributeName = "" }) => AttributeName);
    } catch (thrown) {
      const { error } = failureOf(thrown);
      if (error.code !== "UNAUTHORIZED") throw error;
      throw new KeyfoldError("UNAUTHORIZED", `The key of ${this.table} could not be read: ${error.message}`, {
        cause: thrown,
        fix: 'Allow dynamodb:DescribeTable, or name the key\'s attributes: batch(client, { table, key: ["pk", "sk"] }).',
      });
    }
  }

  once(operation: Operation, input: Doc, attempt: number, deadline: Deadline, batch?: number): Promise<Doc> {
    return tracedAttempt({ table: this.table, operation, attempt, batch }, () =>
      deadline.run((signal) =>
        this.#native && operation !== "DescribeTable"
          ? this.#sendNative(operation, input, signal)
          : sendOperation(this.#client, operation, input, signal),
      ),
    );
  }

  /** The document client's own commands turn plain values into attribute values, by the client's own settings. */
  async #sendNative(operation: Operation, input: Doc, signal: AbortSignal): Promise<Doc> {
    const { BatchGetCommand, BatchWriteCommand } = await documentCommands();
    const Command = (operation === "BatchGetItem" ? BatchGetCommand : BatchWriteCommand) as unknown as new (
      input: Doc,
    ) => never;
    return (await this.#client.send(new Command(input), { abortSignal: signal } as never)) as Doc;
  }
}

/** A document client shares its plain client's configuration; only its class tells them apart, of whatever copy. */
function isDocumentClient(client: ClientLike): boolean {
  return typeof (client.constructor as { readonly from?: unknown }).from === "function";
}

/** Loaded only for who has a document client: a plain one works without the library. */
async function documentCommands(): Promise<
  Pick<typeof import("@aws-sdk/lib-dynamodb"), "BatchGetCommand" | "BatchWriteCommand">
> {
  try {
    return await import("@aws-sdk/lib-dynamodb");
  } catch (cause) {
    throw new KeyfoldError("INPUT_INVALID", "A DynamoDBDocumentClient needs @aws-sdk/lib-dynamodb beside keyfold.", {
      cause,
      fix: "Install @aws-sdk/lib-dynamodb in the package that has keyfold, or pass the plain DynamoDBClient.",
    });
  }
}
