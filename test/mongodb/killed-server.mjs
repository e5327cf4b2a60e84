// Started by driver.test.ts as a process of its own, to be killed.
import { createJiti } from "jiti";

const { startMongodb } = await createJiti(import.meta.url).import("../../src/engines/mongodb/server.ts");
const engine = await startMongodb({ dataDir: process.argv[2] });
console.log(engine.url);
