// One process writes, another reads: its answers come from a copy that is behind.
import { apply, connect } from "keyfold";
import { mongodb } from "keyfold/mongodb";
import { MongoClient } from "mongodb";
import { startLaggingCopy } from "./lagging-copy.js";
import { model } from "./shop.js";

const lagMs = 400;
const servers = await startLaggingCopy(lagMs);
const [near, far] = [new MongoClient(servers.primaryUrl), new MongoClient(servers.copyUrl)];
await apply(model, mongodb(near.db("shop")));
const writer = connect(model, mongodb(near.db("shop")));
const reader = connect(model, mongodb(far.db("shop")));
const key = { id: "a1" };
await writer.account.insert({ ...key, owner: "Ada", visits: 0, balance: "1.00" });
await new Promise((resolve) => setTimeout(resolve, 2 * lagMs));

const session = writer.$session();
await session.account.update(key, { visits: 1 });
const token = session.$token(); // travels with the request: a header, a cookie

console.log(`without the token: visits ${(await reader.account.get(key))?.visits}`);
const from = performance.now();
console.log(`with the token: visits ${(await reader.$session(token).account.get(key))?.visits}`);
console.log(`it waited for the copy: ${performance.now() - from > lagMs / 4}`);

await Promise.all([writer.$close(), reader.$close()]);
await Promise.all([near.close(), far.close()]);
await servers.stop();
