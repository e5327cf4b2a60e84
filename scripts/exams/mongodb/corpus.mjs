// The BSON corpus: every valid document is stored as the bytes that the corpus gives, and comes back as the same bytes.
// https://github.com/mongodb/specifications/blob/master/source/bson-corpus/bson-corpus.md
import { readdir, readFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { BSON, MongoClient } from "mongodb";

/** An insert whose document is these very bytes. */
function insertMessage(bytes) {
  const body = BSON.serialize({ insert: "corpus", $db: "exam" });
  const name = Buffer.from("documents\0");
  const head = Buffer.alloc(21);
  const section = Buffer.alloc(5);
  section[0] = 1;
  section.writeInt32LE(4 + name.length + bytes.length, 1);
  head.writeInt32LE(head.length + body.length + section.length + name.length + bytes.length, 0);
  head.writeInt32LE(1, 4);
  head.writeInt32LE(2013, 12);
  return Buffer.concat([head, body, section, name, bytes]);
}

/** Sends one message on a connection of its own and gives the reply's document. */
function ask({ host, port }, message) {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port });
    let received = Buffer.alloc(0);
    socket.setTimeout(5_000, () => socket.destroy(new Error("no reply")));
    socket.on("connect", () => socket.write(message));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed without a reply")));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 16 || received.length < received.readInt32LE(0)) return;
      resolve(BSON.deserialize(received.subarray(21)));
      socket.destroy();
    });
  });
}

function hasId(bytes) {
  return [...BSON.onDemand.parseToElements(bytes)].some(
    ([, nameAt, nameLength]) => bytes.toString("utf8", nameAt, nameAt + nameLength) === "_id",
  );
}

/** @yields `{ name, outcome, reason? }` for each valid case of the corpus */
export async function* runCorpus(folder, url) {
  const { hostname: host, port } = new URL(url);
  const client = new MongoClient(url);
  const corpus = client.db("exam").collection("corpus");
  try {
    for (const file of (await readdir(folder)).filter((each) => each.endsWith(".json")).sort()) {
      const { valid = [] } = JSON.parse(await readFile(join(folder, file), "utf8"));
      for (const { description, canonical_bson: hex } of valid) {
        const name = `bson-corpus/tests/${file}: ${description}`;
        const bytes = Buffer.from(hex, "hex");
        try {
          await corpus.drop();
          const reply = await ask({ host, port: Number(port) }, insertMessage(bytes));
          if (reply.ok !== 1 || reply.n !== 1) throw new Error(reply.errmsg ?? reply.writeErrors?.[0]?.errmsg);
          // The server puts an _id into a document that has none.
          const projection = hasId(bytes) ? {} : { _id: 0 };
          const [found] = await corpus.find({}, { projection, raw: true }).toArray();
          const same = bytes.equals(found)
            ? undefined
            : `came back as ${Buffer.from(found).toString("hex").slice(0, 200)}`;
          yield same === undefined ? { name, outcome: "passed" } : { name, outcome: "failed", reason: same };
        } catch (error) {
          yield { name, outcome: "failed", reason: error.message };
        }
      }
    }
  } finally {
    await client.close();
  }
}
