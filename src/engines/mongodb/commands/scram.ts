import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import { Binary } from "bson";
import { Doc, int32 } from "../bson/doc.js";
import { mongoError } from "../errors.js";
import type { Client } from "./command.js";

/**
 * Logging in by SCRAM, the server's side.
 * @see https://www.rfc-editor.org/rfc/rfc5802 and https://github.com/mongodb/specifications/blob/master/source/auth/auth.md
 */
type Mechanism = "SCRAM-SHA-1" | "SCRAM-SHA-256";

interface Secret {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

interface Conversation {
  readonly mechanism: Mechanism;
  readonly nonce: string;
  readonly clientFirstBare: string;
  readonly serverFirst: string;
  readonly skipEmptyExchange: boolean;
  proven: boolean;
}

const conversationId = int32(1);

function failed(): Error {
  return mongoError(18, "Authentication failed.");
}

/** The one user of an engine, and the exchanges by which a connection proves to be that user. */
export class Scram {
  readonly #user: string;
  readonly #secrets: ReadonlyMap<Mechanism, Secret>;

  constructor(auth: { readonly user: string; readonly password: string }) {
    this.#user = auth.user;
    // MongoDB's SCRAM-SHA-1 hashes user and password first.
    const digest = createHash("md5").update(`${auth.user}:mongo:${auth.password}`).digest("hex");
    this.#secrets = new Map([
      ["SCRAM-SHA-1", secretOf("sha1", digest, 16, 10_000)],
      ["SCRAM-SHA-256", secretOf("sha256", auth.password.normalize("NFKC"), 28, 15_000)],
    ]);
  }

  mechanismsOf(user: string): string[] {
    const name = user.slice(user.indexOf(".") + 1);
    return name === this.#user ? ["SCRAM-SHA-1", "SCRAM-SHA-256"] : [];
  }

  /** A first message that came with hello: answered when it can be, else the client begins anew. */
  speculate(client: Client, request: Doc): Doc | undefined {
    try {
      return this.start(client, request);
    } catch {
      return undefined;
    }
  }

  /** saslStart. */
  start(client: Client, request: Doc): Doc {
    const mechanism = request.get("mechanism");
    const secret = this.#secrets.get(mechanism as Mechanism);
    if (secret === undefined) {
      throw mongoError(
        334,
        `Received authentication for mechanism ${String(mechanism)} which is unknown or not enabled`,
      );
    }
    const payload = payloadOf(request);
    const match = /^([ny]|p=[^,]*),([^,]*),(n=([^,]*),r=([^,]+).*)$/.exec(payload);
    if (match === null || match[1]!.startsWith("p")) throw failed();
    const [, , , clientFirstBare, user, clientNonce] = match as unknown as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const nonce = clientNonce + randomBytes(24).toString("base64");
    const known = unescapeName(user) === this.#user;
    // An unknown user is not told apart from a wrong password: it gets a salt too.
    const salt = known
      ? secret.salt
      : createHash("sha256").update(`${user}:salt`).digest().subarray(0, secret.salt.length);
    const serverFirst = `r=${nonce},s=${salt.toString("base64")},i=${secret.iterations}`;
    const options = request.get("options");
    const conversation: Conversation = {
      mechanism: known ? (mechanism as Mechanism) : ("unknown" as Mechanism),
      nonce,
      clientFirstBare,
      serverFirst,
      skipEmptyExchange: options instanceof Doc && options.get("skipEmptyExchange") === true,
      proven: false,
    };
    client.conversation = conversation;
    return answer(false, serverFirst);
  }

  /** saslContinue. */
  continue(client: Client, request: Doc): Doc {
    const conversation = client.conversation as Conversation | undefined;
    if (conversation === undefined) throw mongoError(17, "No SASL session state found");
    if (conversation.proven) {
      client.conversation = undefined;
      return answer(true, "");
    }
    const payload = payloadOf(request);
    const match = /^(c=([^,]*),r=([^,]*)),p=(.*)$/.exec(payload);
    const secret = this.#secrets.get(conversation.mechanism);
    client.conversation = undefined;
    if (match === null || match[3] !== conversation.nonce || secret === undefined) throw failed();
    const hash = conversation.mechanism === "SCRAM-SHA-1" ? "sha1" : "sha256";
    const message = `${conversation.clientFirstBare},${conversation.serverFirst},${match[1]}`;
    const signature = createHmac(hash, secret.storedKey).update(message).digest();
    const proof = Buffer.from(match[4]!, "base64");
    if (proof.length !== signature.length) throw failed();
    const clientKey = Buffer.from(proof.map((byte, at) => byte ^ signature[at]!));
    if (!timingSafeEqual(createHash(hash).update(clientKey).digest(), secret.storedKey)) throw failed();
    const verifier = createHmac(hash, secret.serverKey).update(message).digest("base64");
    client.authenticated = true;
    client.user = this.#user;
    if (!conversation.skipEmptyExchange) client.conversation = { ...conversation, proven: true };
    return answer(conversation.skipEmptyExchange, `v=${verifier}`);
  }
}

function secretOf(hash: "sha1" | "sha256", password: string, saltBytes: number, iterations: number): Secret {
  const salt = randomBytes(saltBytes);
  const length = hash === "sha1" ? 20 : 32;
  const salted = pbkdf2Sync(password, salt, iterations, length, hash);
  const clientKey = createHmac(hash, salted).update("Client Key").digest();
  return {
    salt,
    iterations,
    storedKey: createHash(hash).update(clientKey).digest(),
    serverKey: createHmac(hash, salted).update("Server Key").digest(),
  };
}

function payloadOf(request: Doc): string {
  const payload = request.get("payload");
  if (payload instanceof Binary) return Buffer.from(payload.value()).toString("utf8");
  if (typeof payload === "string") return Buffer.from(payload, "base64").toString("utf8");
  throw failed();
}

function unescapeName(name: string): string {
  return name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

function answer(done: boolean, payload: string): Doc {
  return Doc.from([
    ["conversationId", conversationId],
    ["done", done],
    ["payload", new Binary(Buffer.from(payload))],
  ]);
}
