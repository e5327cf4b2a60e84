// The strongest read names one record. What a list cannot promise is refused, before anything is sent.
import { connect, KeyfoldError } from "keyfold";
import { model, start } from "./shop.js";

const { adapter, asked, stop } = await start();
const shop = connect(model, adapter);
await shop.account.insert({ id: "a1", owner: "Ada", visits: 1, balance: "1.00" });

await shop.accountById({ id: "a1" }, { consistency: "strong" });
console.log(`one record at strong: ${JSON.stringify(asked()["readConcern"])}`);

try {
  // @ts-expect-error a list cannot be strong on MongoDB: the types say so as well
  await shop.accountsByOwner({ owner: "Ada" }, { consistency: "strong" });
} catch (error) {
  if (error instanceof KeyfoldError) console.log(`a list at strong: ${error.code}`);
}

await shop.$close();
await stop();
