import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Adapter } from "../adapters/port/adapter.js";
import { entity } from "../model/entity.js";
import { defineModel } from "../model/model.js";
import { get } from "../model/patterns.js";
import { apply } from "./apply.js";
import { connect } from "./connect.js";

describe("a model whose records end, on an engine that would keep them for ever", () => {
  const visit = entity("visit", {
    schema: z.object({ id: z.string(), until: z.date().optional() }),
    key: ["id"],
    expires: "until",
  });
  const model = defineModel({ entities: { visit }, patterns: { visitById: get(visit) } });
  const adapter: Adapter = {
    engine: "elsewhere",
    capability: { engine: "elsewhere", serves: { get: ["session"] } },
    bind: () => {
      throw new Error("it was bound");
    },
  };

  it("is refused, with the place in the model and what to do", async () => {
    const refusal = {
      code: "MODEL_INVALID",
      message: "elsewhere() does not let records expire, which visit asks for.",
      issues: [{ code: "expires-unsupported", path: ["entities", "visit", "expires"] }],
    };
    expect(() => connect(model, adapter)).toThrow(expect.objectContaining({ code: refusal.code }));
    await expect(apply(model, adapter)).rejects.toMatchObject(refusal);
  });
});
