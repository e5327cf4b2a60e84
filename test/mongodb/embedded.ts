import { startMongodb } from "../../src/engines/mongodb/server.js";
import { connectTarget, type Target } from "./targets.js";

/** The server of KEYFOLD_TEST_MONGODB_URL, or an embedded engine that lives as long as the target. */
export async function openTarget(): Promise<Target> {
  const url = process.env["KEYFOLD_TEST_MONGODB_URL"];
  if (url !== undefined && url !== "") return connectTarget(url);
  const engine = await startMongodb({ port: 0 });
  const target = await connectTarget(engine.url);
  return {
    run: (request) => target.run(request),
    close: async () => {
      await target.close();
      await engine.close();
    },
  };
}
