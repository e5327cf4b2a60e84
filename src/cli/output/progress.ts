/** A progress bar on a terminal, gone when the work is done; nothing anywhere else. */

/** Shows how far a long work is. */
export interface Progress {
  update(done: number, facts: { readonly [name: string]: string | number }): void;
  stop(): void;
}

const none: Progress = { update() {}, stop() {} };

/**
 * Starts a bar on standard error, if that is a terminal. `format` is cli-progress' own; without a total only the facts are shown.
 */
export async function startProgress(
  format: { readonly bar: string; readonly noTotal: string },
  total: number | undefined,
  stream: NodeJS.WriteStream = process.stderr,
): Promise<Progress> {
  if (stream.isTTY !== true) return none;
  // Only a terminal pays for loading it.
  const { default: progress } = await import("cli-progress");
  const bar = new progress.SingleBar({
    format: total === undefined ? format.noTotal : format.bar,
    stream,
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 28,
    etaBuffer: 40,
  });
  let started = false;
  return {
    update(done, facts) {
      if (!started) {
        started = true;
        bar.start(total ?? 0, done, facts);
      } else bar.update(done, facts);
    },
    stop() {
      if (started) bar.stop();
    },
  };
}
