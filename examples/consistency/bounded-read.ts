// How old may an answer be? The bound decides who may give it.
import { connect } from "keyfold";
import { model, start } from "./shop.js";

const { adapter, asked, stop } = await start();
const shop = connect(model, adapter);

for (const maxStalenessMs of [5_000, 120_000]) {
  await shop.accountsByOwner({ owner: "Ada" }, { consistency: "bounded", maxStalenessMs });
  console.log(
    `at most ${maxStalenessMs / 1000} s behind: ${JSON.stringify(asked()["$readPreference"] ?? "the primary")}`,
  );
}

await shop.$close();
await stop();
