// Compiles against shop's emitted declarations alone.
import { latest, shop } from "./shop.js";

export async function first(): Promise<string | undefined> {
  const page = await latest("17850");
  const one = await shop.lineBySeq({ seq: 1 });
  return one?.total ?? page.items[0]?.customerId;
}

// @ts-expect-error the parameter is called customerId
shop.linesByCustomer({ customer: "17850" });
