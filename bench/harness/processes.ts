import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** A server in a process of its own, with what can be read of it from outside. */
export interface ServerProcess {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  /** User and system CPU seconds so far; undefined where /proc is absent. */
  cpuSeconds(): number | undefined;
  /** Resident memory in bytes; undefined where /proc is absent. */
  residentBytes(): number | undefined;
  stop(): Promise<void>;
}

/** Starts a command and waits for the first line on its standard output that `readUrl` finds a URL in. */
export async function startServer(
  name: string,
  command: string,
  args: readonly string[],
  readUrl: (line: string) => string | undefined,
): Promise<ServerProcess> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  // A run that is cut short leaves no server behind.
  const end = () => child.kill("SIGTERM");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
  const url = await firstUrl(child, readUrl);
  const pid = serverPid(child.pid!);
  return {
    name,
    url,
    port: Number(new URL(url).port),
    cpuSeconds: () => cpuSeconds(pid),
    residentBytes: () => residentBytes(pid),
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once("exit", () => resolve());
        child.kill("SIGTERM");
      }),
  };
}

function firstUrl(child: ChildProcess, readUrl: (line: string) => string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = "";
    child.stdout!.setEncoding("utf8");
    child.stdout!.on("data", (chunk: string) => {
      seen += chunk;
      for (const line of seen.split("\n")) {
        const url = readUrl(line);
        if (url !== undefined) return resolve(url);
      }
    });
    child.once("exit", (code) => reject(new Error(`the server ended with ${code} before it printed a URL:\n${seen}`)));
    child.once("error", reject);
  });
}

/** The process that serves: the last in a chain of single children, since launchers stay alive above it. */
function serverPid(pid: number): number {
  try {
    const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)], { encoding: "utf8" })
      .trim()
      .split(/\s+/);
    return children.length === 1 && children[0] !== "" ? serverPid(Number(children[0])) : pid;
  } catch {
    return pid;
  }
}

function cpuSeconds(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}

function residentBytes(pid: number): number | undefined {
  try {
    const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return line === null ? undefined : Number(line[1]) * 1024;
  } catch {
    return undefined;
  }
}
