import fc from "fast-check";
import { expect, it } from "vitest";
import { MemberIndex } from "./string-index.js";

it("finds the same places as a Map, whatever is added, removed and moved", () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 400 })), { maxLength: 3000 });
  fc.assert(
    fc.property(steps, (changes) => {
      const members: string[] = [];
      const index = new MemberIndex(members);
      const model = new Map<string, number>();
      for (const [add, number] of changes) {
        const text = `member:${number}`;
        const at = index.find(text);
        expect(at).toBe(model.get(text) ?? -1);
        if (add && at < 0) {
          index.add(text, members.length);
          model.set(text, members.length);
          members.push(text);
        } else if (!add && at >= 0) {
          // The order of a removal: forgotten first, then the last member takes the place.
          index.remove(text, at);
          model.delete(text);
          const last = members.pop()!;
          if (at < members.length) {
            index.move(last, members.length, at);
            members[at] = last;
            model.set(last, at);
          }
        }
      }
      for (const [text, place] of model) expect(index.find(text)).toBe(place);
      for (let number = 0; number <= 400; number++) {
        if (!model.has(`member:${number}`)) expect(index.find(`member:${number}`)).toBe(-1);
      }
    }),
    { numRuns: 60 },
  );
});

it("grows, shrinks, and holds many", () => {
  const members = Array.from({ length: 50_000 }, (_, i) => `key:${String(i).padStart(12, "0")}`);
  const index = new MemberIndex(members);
  for (let i = 0; i < members.length; i++) expect(index.find(members[i]!)).toBe(i);
  for (let i = members.length - 1; i > 10; i--) index.remove(members.pop()!, i);
  expect(members.map((text) => index.find(text))).toEqual(members.map((_, i) => i));
  expect(index.find("key:000000040000")).toBe(-1);
});
