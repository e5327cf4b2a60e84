// Two clerks read a balance and each writes what they make of it.
import { connect, KeyfoldError } from "keyfold";
import { model, start } from "./shop.js";

const { adapter, stop } = await start();
const shop = connect(model, adapter);
const key = { id: "a1" };
await shop.account.put({ ...key, owner: "Ada", visits: 0, balance: "100.00" });

// Without a version: the second write takes the first away.
const [one, two] = await Promise.all([shop.account.get(key), shop.account.get(key)]);
await shop.account.update(key, { visits: (one?.visits ?? 0) + 1 });
await shop.account.update(key, { visits: (two?.visits ?? 0) + 1 });
console.log(`two visits, blindly: ${(await shop.account.get(key))?.visits}`);

// With one: the second write is told, and begins again from what is there now.
async function visit(seen: Awaited<ReturnType<typeof read>>): Promise<string> {
  try {
    await shop.account.update(key, { visits: seen.record.visits + 1 }, { ifVersion: seen.version });
    return "written";
  } catch (error) {
    if (!(error instanceof KeyfoldError && error.code === "VERSION_MISMATCH")) throw error;
    await visit(await read());
    return "told that it was late, and written again";
  }
}
async function read() {
  const found = await shop.account.get(key, { version: true });
  if (found === undefined) throw new Error("no account");
  return found;
}
const [three, four] = await Promise.all([read(), read()]);
console.log(`third visit: ${await visit(three)}`);
console.log(`fourth visit: ${await visit(four)}`);
console.log(`with versions: ${(await shop.account.get(key))?.visits}`);

// Adding needs no reading at all.
await Promise.all([shop.account.increment(key, { visits: 1 }), shop.account.increment(key, { visits: 1 })]);
console.log(`with increment: ${(await shop.account.get(key))?.visits}`);

await shop.$close();
await stop();
