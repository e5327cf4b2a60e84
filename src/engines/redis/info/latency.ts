import type { RedisServer } from "../state.js";

export interface LatencySeries {
  /** Seconds and milliseconds, oldest first; one sample a second, the worst of it. */
  readonly samples: { time: number; ms: number }[];
  max: number;
}

const maxSamples = 160;

/** Spikes by their cause: calls, expiry and eviction that took longer than the threshold. */
export class LatencyMonitor {
  readonly series = new Map<string, LatencySeries>();
  readonly #server: RedisServer;

  constructor(server: RedisServer) {
    this.#server = server;
  }

  /** Notes a duration when it reaches the threshold. */
  add(event: string, durationMs: number): void {
    const threshold = this.#server.config.latencyMonitorThreshold;
    if (threshold === 0 || durationMs < threshold) return;
    const ms = Math.floor(durationMs);
    const time = Math.floor(this.#server.clock.now() / 1000);
    let series = this.series.get(event);
    if (series === undefined) {
      series = { samples: [], max: 0 };
      this.series.set(event, series);
    }
    if (ms > series.max) series.max = ms;
    const last = series.samples.at(-1);
    if (last?.time === time) {
      if (ms > last.ms) last.ms = ms;
      return;
    }
    series.samples.push({ time, ms });
    if (series.samples.length > maxSamples) series.samples.shift();
  }

  clear(): void {
    this.series.clear();
  }
}
