import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { systemClock } from "./clock.js";
import { Deadline } from "./deadline.js";
import { KeyfoldError } from "./errors.js";

const never = () => new Promise<never>(() => {});

describe("a deadline", () => {
  it("ends work that does not end itself, and says after how long", async () => {
    const deadline = new Deadline({ deadlineMs: 5 });
    const error = await deadline.run(never).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(KeyfoldError);
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", message: "No answer within 5 ms." });
    expect(deadline.over).toBe(true);
    deadline.dispose();
  });

  it("ends with the caller's signal, and leaves no listener on it", async () => {
    const caller = new AbortController();
    const deadline = new Deadline({ deadlineMs: 60_000, signal: caller.signal });
    const work = deadline.run(never);
    caller.abort(new Error("changed my mind"));
    await expect(work).rejects.toMatchObject({ code: "ABORTED" });
    deadline.dispose();
    const other = new Deadline({ deadlineMs: 60_000, signal: new AbortController().signal });
    await other.run(async () => 1);
    other.dispose();
    expect(getEventListeners(caller.signal, "abort")).toHaveLength(0);
  });

  it("hands its signal on to a later one when it ended in time, and never after it was aborted", async () => {
    const signalOf = async (work: () => Promise<unknown>, deadlineMs = 60_000): Promise<AbortSignal> => {
      let seen: AbortSignal | undefined;
      const deadline = new Deadline({ deadlineMs });
      await deadline
        .run((signal) => {
          seen = signal;
          return work();
        })
        .catch(() => undefined);
      deadline.dispose();
      return seen!;
    };
    const first = await signalOf(async () => 1);
    expect(await signalOf(async () => 2)).toBe(first);
    const aborted = await signalOf(never, 5);
    expect(aborted).toBe(first);
    expect(aborted.aborted).toBe(true);
    const next = await signalOf(async () => 3);
    expect(next).not.toBe(first);
    expect(next.aborted).toBe(false);
  });

  it("keeps two that run at once apart", async () => {
    const [one, two] = [new Deadline({ deadlineMs: 60_000 }), new Deadline({ deadlineMs: 5 })];
    const [a, b] = [one.signal, two.signal];
    await two.run(never).catch(() => undefined);
    expect(b.aborted).toBe(true);
    expect(a.aborted).toBe(false);
    one.dispose();
    two.dispose();
  });

  it("has no signal with more than one listener, however much runs, waits and is cut into parts", async () => {
    const caller = new AbortController();
    const deadlines = Array.from({ length: 20 }, () => new Deadline({ deadlineMs: 60_000, signal: caller.signal }));
    const seen: AbortSignal[] = [];
    const work = deadlines.flatMap((deadline) => [
      // As drivers do: a listener for each request.
      ...Array.from({ length: 20 }, () =>
        deadline.part(50_000).run((signal) => {
          signal.addEventListener("abort", () => {});
          seen.push(signal);
          return never();
        }),
      ),
      ...Array.from({ length: 20 }, () =>
        deadline.run((signal) => {
          signal.addEventListener("abort", () => {});
          seen.push(signal);
          return never();
        }),
      ),
      ...Array.from({ length: 20 }, () => systemClock.sleep(60_000, deadline.signal)),
    ]);
    for (const signal of [...seen, caller.signal, ...deadlines.map(({ signal }) => signal)])
      expect(getEventListeners(signal, "abort")).toHaveLength(1);
    caller.abort();
    for (const end of await Promise.allSettled(work))
      expect(end).toMatchObject({ status: "rejected", reason: { code: "ABORTED" } });
    for (const signal of seen) expect(signal.aborted).toBe(true);
    for (const deadline of deadlines) deadline.dispose();
    expect(getEventListeners(caller.signal, "abort")).toHaveLength(0);
  });

  it("leaves no listener behind what ended in time", async () => {
    const caller = new AbortController();
    const ended = async (): Promise<void> => {
      using deadline = new Deadline({ deadlineMs: 60_000, signal: caller.signal });
      await Promise.all([deadline.run(async () => 1), systemClock.sleep(1, deadline.signal)]);
      expect(getEventListeners(deadline.signal, "abort")).toHaveLength(0);
    };
    await Promise.all(Array.from({ length: 20 }, ended));
    expect(getEventListeners(caller.signal, "abort")).toHaveLength(0);
  });

  it("gives parts that end no later than the whole", () => {
    const whole = new Deadline({ deadlineMs: 1_000 });
    expect(whole.part(400).totalMs).toBe(400);
    expect(whole.part(5_000).totalMs).toBeLessThanOrEqual(1_000);
  });

  it("is over when the call has ended: work of it that goes on begins no timer and sends nothing", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    const ended = new Deadline({ deadlineMs: 60_000 });
    ended.dispose();
    expect(ended.over).toBe(true);
    expect(ended.signal.aborted).toBe(true);
    let sent = false;
    const send = async () => {
      sent = true;
    };
    await expect(ended.run(send)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    await expect(ended.part(1_000).run(send)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(sent).toBe(false);
    expect(timers()).toBe(before);
  });
});
