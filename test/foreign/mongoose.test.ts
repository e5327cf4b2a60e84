import mongoose, { Schema, type Types } from "mongoose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningMongodb, startMongodb } from "../../src/engines/mongodb/server.js";

let engine: RunningMongodb;
let connection: mongoose.Connection;

beforeAll(async () => {
  engine = await startMongodb({});
  connection = await mongoose.createConnection(engine.url, { dbName: "shop" }).asPromise();
});

afterAll(async () => {
  await connection.close();
  await engine.close();
});

interface Line {
  invoice: string;
  quantity: number;
  total: Types.Decimal128;
  at: Date;
  tags: string[];
}

describe("Mongoose on the embedded engine", () => {
  it("works unchanged: models, indexes, queries, updates, populate, aggregation, errors, sessions", async () => {
    const schema = new Schema<Line>({
      invoice: { type: String, required: true, unique: true },
      quantity: { type: Number, index: true },
      total: Schema.Types.Decimal128,
      at: Date,
      tags: [String],
    });
    const lines = connection.model("Line", schema);
    await lines.init();
    const total = mongoose.Types.Decimal128.fromString("2.550");
    const first = await lines.create({ invoice: "536365", quantity: 6, total, at: new Date(1e12), tags: ["a"] });
    expect((await lines.findById(first._id))?.total.toString()).toBe("2.550");
    await lines.insertMany(Array.from({ length: 50 }, (_, i) => ({ invoice: `i${i}`, quantity: i % 5 })));
    expect(await lines.countDocuments({ quantity: { $gte: 3 } })).toBe(21);
    expect(
      (await lines.find({ quantity: 4 }).sort({ invoice: 1 }).limit(2).lean()).map((each) => each.invoice),
    ).toEqual(["i14", "i19"]);
    await lines.updateMany({ quantity: 4 }, { $push: { tags: "four" } });
    expect(await lines.countDocuments({ tags: "four" })).toBe(10);
    first.tags.push("b");
    first.quantity = 7;
    await first.save();
    expect(await lines.findOne({ invoice: "536365" }).lean()).toMatchObject({ tags: ["a", "b"], quantity: 7 });
    expect(
      await lines.findOneAndUpdate({ invoice: "i1" }, { $inc: { quantity: 100 } }, { returnDocument: "after" }),
    ).toMatchObject({
      quantity: 101,
    });
    await expect(lines.create({ invoice: "i1" })).rejects.toMatchObject({ code: 11000 });
    const groups = await lines.aggregate([
      { $group: { _id: "$quantity", n: { $sum: 1 } } },
      { $sort: { n: -1, _id: 1 } },
      { $limit: 1 },
    ]);
    expect(groups).toEqual([{ _id: 0, n: 10 }]);
    await lines.bulkWrite([
      { insertOne: { document: { invoice: "new", quantity: 1 } as Line } },
      { deleteMany: { filter: { quantity: 4 } } },
    ]);
    expect(await lines.countDocuments()).toBe(42);
    let seen = 0;
    for await (const _each of lines.find().batchSize(7).cursor()) seen++;
    expect(seen).toBe(42);
    const notes = connection.model(
      "Note",
      new Schema({ line: { type: Schema.Types.ObjectId, ref: "Line" }, text: String }),
    );
    await notes.create({ line: first._id, text: "hello" });
    const note = await notes.findOne().populate<{ line: Line }>("line");
    expect(note?.line.invoice).toBe("536365");
    const session = await connection.startSession();
    await lines.create([{ invoice: "s" }], { session });
    expect(await lines.findOne({ invoice: "s" }).session(session)).not.toBeNull();
    await session.endSession();
    expect((await lines.collection.indexes()).map((each) => each.name)).toEqual(["_id_", "invoice_1", "quantity_1"]);
  });
});
