/** How long the same failure is counted in one entry. */
const groupedMs = 60_000;

export interface Denied {
  readonly id: number;
  count: number;
  /** The command that was to log in. */
  readonly object: string;
  readonly user: string;
  readonly inTransaction: boolean;
  readonly client: string;
  readonly createdAt: number;
  updatedAt: number;
}

/** Logins that failed, newest first: what ACL LOG shows. Users have no rules here that other commands could break. */
export class AclLog {
  entries: Denied[] = [];
  #nextId = 0;

  add(denied: Pick<Denied, "object" | "user" | "inTransaction" | "client">, now: number, max: number): void {
    const known = this.entries.find(
      (entry) =>
        entry.object === denied.object &&
        entry.user === denied.user &&
        entry.inTransaction === denied.inTransaction &&
        now - entry.updatedAt <= groupedMs,
    );
    if (known === undefined)
      this.entries.unshift({ ...denied, id: this.#nextId++, count: 1, createdAt: now, updatedAt: now });
    else {
      known.count++;
      known.updatedAt = now;
      this.entries = [known, ...this.entries.filter((entry) => entry !== known)];
    }
    this.entries.length = Math.min(this.entries.length, max);
  }

  clear(): void {
    this.entries = [];
  }
}
