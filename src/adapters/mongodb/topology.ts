import type { DbLike } from "./driver.js";
import type { TopologyLike } from "./errors.js";

/** What is known of each client's servers, from the driver's own monitoring. */
const topologies = new WeakMap<object, { current: TopologyLike | undefined }>();

/** The client's servers as the driver saw them last; one listener for each client. */
export function watchTopology(client: DbLike["client"]): { current: TopologyLike | undefined } {
  let seen = topologies.get(client);
  if (seen === undefined) {
    const made: { current: TopologyLike | undefined } = { current: undefined };
    seen = made;
    topologies.set(client, made);
    client.on(
      "topologyDescriptionChanged" as never,
      ((event: { newDescription?: TopologyLike }) => {
        made.current = event.newDescription;
      }) as never,
    );
  }
  return seen;
}
