import { randomUUID } from "node:crypto";
import { BSON, type Collection, type Document, MongoClient, MongoServerError } from "mongodb";

/** What a request came to: documents in canonical EJSON, or an error. */
export interface Outcome {
  readonly docs?: readonly string[];
  readonly code?: number;
  readonly message?: string;
}

/** One request on a fresh collection of documents. */
export interface Request {
  readonly docs: readonly (Document | Map<string, unknown>)[];
  readonly find?: {
    readonly filter: Document;
    readonly sort?: Document | undefined;
    readonly projection?: Document | undefined;
    readonly limit?: number | undefined;
    readonly skip?: number | undefined;
  };
  readonly aggregate?: readonly Document[];
  readonly update?: {
    readonly filter: Document;
    readonly update: Document | Document[];
    readonly arrayFilters?: Document[] | undefined;
    readonly multi?: boolean | undefined;
    readonly upsert?: boolean | undefined;
  };
}

/** A server that requests are put to. */
export interface Target {
  run(request: Request): Promise<Outcome>;
  close(): Promise<void>;
}

/** A document in canonical EJSON; integer-like names and -0 survive because it is made from the bytes. */
export function show(bytes: Uint8Array): string {
  return BSON.EJSON.stringify(
    BSON.deserialize(bytes, { promoteValues: false, promoteBuffers: false, bsonRegExp: true }),
    { relaxed: false },
  );
}

/** A server by its URL, through the driver, with a database of its own: several test files may ask one server at once. */
export async function connectTarget(url: string): Promise<Target> {
  // MongoDB cuts long error texts at a byte, which may lie inside a character; documents are checked by show().
  const client = new MongoClient(url, { raw: true, maxPoolSize: 4, enableUtf8Validation: false });
  await client.connect();
  const db = client.db(`answers_${randomUUID().slice(0, 8)}`);
  const collection = db.collection("c") as Collection<Document>;
  return {
    async run(request) {
      await collection.deleteMany({});
      if (request.docs.length > 0) await collection.insertMany(request.docs as Document[]);
      try {
        return { docs: await answers(collection, request) };
      } catch (error) {
        if (!(error instanceof MongoServerError)) throw error;
        return { code: Number(error.code), message: error.message };
      }
    },
    async close() {
      await db.dropDatabase();
      await client.close();
    },
  };
}

async function answers(collection: Collection<Document>, request: Request): Promise<string[]> {
  const { find, aggregate, update } = request;
  if (find !== undefined) {
    const { filter, ...options } = find;
    const found = await collection.find(filter, options as never).toArray();
    return found.map((doc) => show(doc as unknown as Uint8Array));
  }
  if (aggregate !== undefined) {
    const found = await collection.aggregate(aggregate as Document[]).toArray();
    return found.map((doc) => show(doc as unknown as Uint8Array));
  }
  const { filter, multi, ...rest } = update!;
  const reply = await collection.db.command({
    update: collection.collectionName,
    updates: [
      {
        q: filter,
        u: rest.update,
        multi: multi ?? false,
        upsert: rest.upsert ?? false,
        ...(rest.arrayFilters === undefined ? {} : { arrayFilters: rest.arrayFilters }),
      },
    ],
  });
  const failure = reply["writeErrors"]?.[0];
  if (failure !== undefined) throw new MongoServerError(failure);
  const after = await collection.find({}, { sort: { _id: 1 } }).toArray();
  const counts = show(BSON.serialize({ n: Number(reply["n"]), nModified: Number(reply["nModified"]) }));
  return [counts, ...after.map((doc) => show(withoutNewId(doc as unknown as Uint8Array)))];
}

/** An upserted document gets an ObjectId of its own on each server: it is left out of the comparison. */
function withoutNewId(bytes: Uint8Array): Uint8Array {
  const doc = BSON.deserialize(bytes, { promoteValues: false, promoteBuffers: false, bsonRegExp: true });
  if (doc["_id"]?._bsontype !== "ObjectId") return bytes;
  const { _id, ...rest } = doc;
  return BSON.serialize(rest);
}
