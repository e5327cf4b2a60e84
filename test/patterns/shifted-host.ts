import { type ChildProcess, spawn } from "node:child_process";

const preload = `
  const shift = Number(process.env.SHIFT_MS);
  const Real = Date;
  globalThis.Date = class Date extends Real {
    constructor(...args) { if (args.length === 0) super(Real.now() + shift); else super(...args); }
    static now() { return Real.now() + shift; }
  };
`;

/**
 * A process whose host's clock is wrong by `shiftMs`. Its code says "ready" when it is, and answers each message
 * `[name, ...args]` with one of its own.
 */
export class ShiftedHost {
  readonly #child: ChildProcess;

  constructor(code: string, args: readonly string[], shiftMs: number) {
    const shift = `data:text/javascript,${encodeURIComponent(preload)}`;
    this.#child = spawn(process.execPath, ["--import", shift, "--input-type=module", "-e", code, ...args], {
      env: { ...process.env, SHIFT_MS: String(shiftMs) },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
  }

  answer(): Promise<unknown> {
    return new Promise((done) => this.#child.once("message", done));
  }

  ask(name: string, ...args: readonly string[]): Promise<unknown> {
    const answer = this.answer();
    this.#child.send([name, ...args]);
    return answer;
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}
