/** Counters since the start or the last CONFIG RESETSTAT; INFO prints them. */
export class Stats {
  connections = 0;
  commands = 0;
  netInputBytes = 0;
  netOutputBytes = 0;
  rejectedConnections = 0;
  expiredKeys = 0;
  evictedKeys = 0;
  keyspaceHits = 0;
  keyspaceMisses = 0;
  errorReplies = 0;
  unexpectedErrors = 0;
  reads = 0;
  writes = 0;
  authDenied = 0;
  outputLimitDrops = 0;
  queryLimitDrops = 0;
  peakMemory = 0;
  lazyFreed = 0;
  evictedClients = 0;
  /** Errors by their code. */
  readonly errors = new Map<string, number>();
  /** Commands per second over the last samples, with the last count and its time. */
  opsPerSecond = 0;
  inputPerSecond = 0;
  outputPerSecond = 0;
  #sampledAt = 0;
  #sampledCommands = 0;
  #sampledInput = 0;
  #sampledOutput = 0;

  /** Called several times a second. */
  sample(now: number): void {
    const passed = now - this.#sampledAt;
    if (passed < 100) return;
    if (this.#sampledAt > 0) {
      const rate = (delta: number): number => Math.max(0, Math.round((delta * 1000) / passed));
      this.opsPerSecond = rate(this.commands - this.#sampledCommands);
      this.inputPerSecond = rate(this.netInputBytes - this.#sampledInput);
      this.outputPerSecond = rate(this.netOutputBytes - this.#sampledOutput);
    }
    this.#sampledAt = now;
    this.#sampledCommands = this.commands;
    this.#sampledInput = this.netInputBytes;
    this.#sampledOutput = this.netOutputBytes;
  }

  countError(code: string): void {
    this.errorReplies++;
    // An attacker's invented codes must not fill the memory.
    if (this.errors.size >= 128 && !this.errors.has(code)) return;
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  reset(): void {
    this.connections = 0;
    this.commands = 0;
    this.netInputBytes = 0;
    this.netOutputBytes = 0;
    this.rejectedConnections = 0;
    this.expiredKeys = 0;
    this.evictedKeys = 0;
    this.keyspaceHits = 0;
    this.keyspaceMisses = 0;
    this.errorReplies = 0;
    this.unexpectedErrors = 0;
    this.reads = 0;
    this.writes = 0;
    this.authDenied = 0;
    this.outputLimitDrops = 0;
    this.queryLimitDrops = 0;
    this.peakMemory = 0;
    this.lazyFreed = 0;
    this.evictedClients = 0;
    this.errors.clear();
    this.#sampledAt = 0;
    this.opsPerSecond = 0;
  }
}
