import { it } from "vitest";
import { fuzzArguments, fuzzWire } from "./fuzz-proof.js";

const seed = Number(process.env["KEYFOLD_SEED"] ?? Date.now() % 1_000_000);

it(`Redis answers broken bytes with its protocol, at length (seed ${seed})`, () => fuzzWire(8_000, seed));
it(`Redis answers every command with any arguments, at length (seed ${seed})`, () => fuzzArguments(300, seed));
