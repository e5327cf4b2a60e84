// How old may an answer be? The bound decides who may give it.
import { connect } from "keyfold";
import { model, start } from "./shop.js";

const { adapter, stop } = await start();
const shop = connect(model, adapter);

for (const maxStalenessMs of [5_000, 120_000]) {
  const { request } = await shop.accountsByOwner.explain({ owner: "Ada" }, { consistency: "bounded", maxStalenessMs });
  const { readPreference } = request as { readPreference?: { mode: string; maxStalenessSeconds?: number } };
  console.log(`at most ${maxStalenessMs / 1000} s behind: ${JSON.stringify(readPreference ?? "the primary")}`);
}

await shop.$close();
await stop();
