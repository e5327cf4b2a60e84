import type { Doc } from "../bson/doc.js";
import { type DocumentSource, takeBatch } from "../data/cursors.js";
import type { CursorReply } from "../protocol/reply.js";
import type { CommandRequest, Engine } from "./command.js";

/** The first batch of a source; the cursor stays open when something is left and the client wants it. */
export function firstBatch(
  request: CommandRequest,
  engine: Engine,
  ns: string,
  source: DocumentSource,
  options: { batchSize: number | undefined; single?: boolean; noTimeout?: boolean; limited?: boolean },
): CursorReply {
  const { documents, done, held } = takeBatch(source, options.batchSize, true);
  engine.counters.documentsReturned += documents.length;
  if (done || options.single === true) return { kind: "cursor", ns, id: 0n, batch: documents, first: true };
  let rest = held;
  // A batch that was filled exactly may have been the last: a look ahead saves the client a request.
  if (rest === undefined && options.batchSize !== 0) {
    rest = source.next();
    if (rest === undefined) return { kind: "cursor", ns, id: 0n, batch: documents, first: true };
  }
  const cursor = engine.cursors.open(ns, source, {
    noTimeout: options.noTimeout === true,
    sessionId: request.session,
    maxTimeMs: request.maxTimeMs,
  });
  cursor.held = rest;
  return { kind: "cursor", ns, id: cursor.id, batch: documents, first: true };
}

/** A whole list as one cursor reply: for commands that list things. */
export function listSource(documents: readonly Doc[]): DocumentSource {
  let at = 0;
  return { next: () => documents[at++] };
}
