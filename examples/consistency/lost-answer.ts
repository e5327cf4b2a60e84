// An insert is done, and its answer is lost on the way. The application sends it again.
import { connect } from "keyfold";
import { MongoClient } from "mongodb";
import { model, start } from "./shop.js";

const { engines, adapter, stop } = await start();
const lose = () => engines.faults.inject({ command: "insert", fault: { kind: "close-after" } });

// The driver alone, with its own repetition switched off, as many a connection string has it.
const bare = new MongoClient(engines.mongodb.url, { retryWrites: false });
const visits = bare.db("shop").collection("visits");
const send = () => visits.insertOne({ who: "Ada" });
await lose();
await send().catch(send);
console.log(`driver, sent again: ${await visits.countDocuments({ who: "Ada" })} documents`);
await bare.close();

// keyfold: the record's key makes its id, so the same insert again finds it there.
const shop = connect(model, adapter);
const record = { id: "a1", owner: "Ada", visits: 1, balance: "1.00" } as const;
await lose();
await shop.account.insert(record);
const again = await shop.account.insert(record);
const page = await shop.accountsByOwner({ owner: "Ada" });
console.log(`keyfold, sent again: applied ${again.applied}, ${page.items.length} record`);

await shop.$close();
await stop();
