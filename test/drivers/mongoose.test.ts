import mongoose, { Schema } from "mongoose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startMongodb } from "../../src/testing/index.js";

// Mongoose, unchanged: schemas, validation, population, hooks, unique indexes.

let engine: Awaited<ReturnType<typeof startMongodb>>;
let connection: mongoose.Connection;

beforeAll(async () => {
  engine = await startMongodb();
  connection = await mongoose.createConnection(engine.url, { dbName: "mongoose" }).asPromise();
});
beforeEach(() => engine.reset());
afterAll(async () => {
  await connection?.close();
  await engine?.close();
});

const customerSchema = new Schema({ name: { type: String, required: true }, email: { type: String, unique: true } });
const orderSchema = new Schema(
  {
    customer: { type: Schema.Types.ObjectId, ref: "Customer" },
    lines: [{ sku: String, quantity: Number, price: Schema.Types.Decimal128 }],
    status: { type: String, enum: ["open", "paid"], default: "open" },
  },
  { timestamps: true, optimisticConcurrency: true },
);

// Typed loosely: what is tried here is the server, not Mongoose's types.
const models = () => ({
  Customer: (connection.models["Customer"] ?? connection.model("Customer", customerSchema)) as mongoose.Model<any>,
  Order: (connection.models["Order"] ?? connection.model("Order", orderSchema)) as mongoose.Model<any>,
});

describe("Mongoose", () => {
  it("saves, finds and populates", async () => {
    const { Customer, Order } = models();
    const customer = await Customer.create({ name: "Ada", email: "ada@example.org" });
    await Order.create({ customer: customer._id, lines: [{ sku: "85123A", quantity: 6, price: "2.55" }] });
    const order = await Order.findOne({ "lines.sku": "85123A" }).populate("customer").orFail();
    expect(order.get("customer").name).toBe("Ada");
    expect(String(order.get("lines")[0].price)).toBe("2.55");
    expect(order.get("status")).toBe("open");
    expect(order.get("createdAt")).toBeInstanceOf(Date);
  });

  it("keeps unique indexes", async () => {
    const { Customer } = models();
    await Customer.syncIndexes();
    await Customer.create({ name: "Ada", email: "ada@example.org" });
    await expect(Customer.create({ name: "Eve", email: "ada@example.org" })).rejects.toMatchObject({
      code: 11000,
      keyValue: { email: "ada@example.org" },
    });
  });

  it("notices that somebody else was faster", async () => {
    const { Order } = models();
    const { _id } = await Order.create({ lines: [] });
    const [first, second] = await Promise.all([Order.findById(_id).orFail(), Order.findById(_id).orFail()]);
    await first.set("status", "paid").save();
    await expect(
      second
        .set("status", "open")
        .set("lines", [{ sku: "x", quantity: 1 }])
        .save(),
    ).rejects.toMatchObject({
      name: "VersionError",
    });
  });

  it("aggregates and writes in bulk", async () => {
    const { Order } = models();
    await Order.insertMany(
      Array.from({ length: 20 }, (_, i) => ({ lines: [{ sku: `s${i % 4}`, quantity: i }], status: "paid" })),
    );
    const rows = await Order.aggregate([
      { $unwind: "$lines" },
      { $group: { _id: "$lines.sku", quantity: { $sum: "$lines.quantity" } } },
      { $sort: { _id: 1 } },
    ]);
    expect(rows).toEqual([0, 1, 2, 3].map((i) => ({ _id: `s${i}`, quantity: 40 + 5 * i })));
    const { modifiedCount } = await Order.bulkWrite([
      {
        updateMany: {
          filter: { "lines.sku": "s1" },
          update: { $set: { "lines.$[one].quantity": 0 } },
          arrayFilters: [{ "one.sku": "s1" }],
        },
      },
    ]);
    expect(modifiedCount).toBe(5);
  });

  it("walks a cursor", async () => {
    const { Customer } = models();
    await Customer.insertMany(Array.from({ length: 1500 }, (_, i) => ({ name: `n${i}`, email: `${i}@example.org` })));
    let seen = 0;
    for await (const _ of Customer.find().lean().cursor({ batchSize: 200 })) seen++;
    expect(seen).toBe(1500);
  });
});
