import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KeyfoldError } from "../../../internal/errors.js";

const lockName = "keyfold.lock";
/** Folders that this process has open. */
const held = new Set<string>();

/** When a process began, in the system's ticks since its own start; empty where that is not told. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // Fields are counted behind the name, which stands in brackets and may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Takes a folder for this engine alone; the lock of a process that is gone is taken over. Gives the release.
 *
 * @throws KeyfoldError UNAVAILABLE when another engine has it
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, lockName);
  const taken = (pid: number): KeyfoldError =>
    new KeyfoldError("UNAVAILABLE", `The folder ${folder} is in use by process ${pid}.`, {
      fix: `End that process, or name another folder. If it is no keyfold, delete ${path}.`,
    });
  if (held.has(path)) throw taken(process.pid);
  const own = `${process.pid} ${startOf(process.pid)}`;
  try {
    writeFileSync(path, own, { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const [pid = "", began = ""] = readFileSync(path, "latin1").split(" ");
    const other = Number(pid);
    if (other > 0 && other !== process.pid && alive(other) && startOf(other) === began) throw taken(other);
    writeFileSync(path, own);
  }
  held.add(path);
  return () => {
    held.delete(path);
    rmSync(path, { force: true });
  };
}
