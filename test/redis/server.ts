import { connect } from "node:net";
import { startRedis } from "../../src/engines/redis/server.js";

/** A server for tests of what holds for any Redis: the embedded one, or the real one that `npm run test:real` names. */
export interface TestServer {
  readonly url: string;
  /** Drops all data. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export async function startTestServer(): Promise<TestServer> {
  const url = process.env["KEYFOLD_TEST_REDIS_URL"];
  if (url === undefined) return startRedis({});
  return { url, reset: () => flush(url), close: async () => {} };
}

function flush(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write("FLUSHALL\r\nFUNCTION FLUSH\r\nSCRIPT FLUSH\r\n"),
    );
    let replies = "";
    socket.on("data", (chunk) => {
      replies += chunk;
      if (replies.split("\r\n").length < 4) return;
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}
