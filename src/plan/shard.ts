/** Which of `count` write shards a key belongs to: FNV-1a over its text (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function shardOf(key: string, count: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  // The low bits of FNV are the weakest: the high ones are folded in.
  return ((hash ^ (hash >>> 15)) >>> 0) % count;
}
