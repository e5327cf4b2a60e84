import type { EntityData } from "../../model/description.js";
import type { Finding } from "../finding.js";
import { formatBytes, formatNumber } from "../format.js";
import { entryBytes } from "./estimates.js";
import type { DesignView } from "./lint.js";
import { writeUnits } from "./load.js";
import { indexAttributes, slotOf } from "./names.js";
import { includesLimit, includesOfIndex, needAttributes } from "./projections.js";
import type { DynamoIndex, EstimatedEntity, KeyRecipe } from "./types.js";

/** What an index holds beyond what the patterns that read little of it need. */
export function lintProjection(view: DesignView, index: DynamoIndex): readonly Finding[] {
  if (index.projection !== "ALL") return [];
  const { model, needs, entities, widened } = view;
  const narrow = index.serves.filter((name) => {
    const pattern = model.patterns[name];
    return pattern !== undefined && "select" in pattern && pattern.select !== undefined;
  });
  const [first] = narrow;
  const need = needs.find((one) => first !== undefined && one.patterns.includes(first));
  if (first === undefined || need === undefined) return [];
  const entity = model.entities[model.patterns[first]?.entity ?? ""] as EntityData;
  const stored = entities[entity.name] as EstimatedEntity;
  const key = need.keys[entity.name] as KeyRecipe;
  const homes = Object.fromEntries(Object.values(entities).map(({ entity: name, home }) => [name, home]));
  const alone = needAttributes(model, { ...need, patterns: [first] }, slotOf(index.name), homes) ?? [];
  const least = entryBytes(model, entity, stored.home, key, {
    ...indexAttributes(slotOf(index.name)),
    includes: alone,
  });
  const all = stored.estimate.itemBytes;
  const others = index.serves.filter((name) => !narrow.includes(name));
  const paid = `an entry of "${entity.name}" has ${formatBytes(all)} and is written for ${formatNumber(writeUnits(all))} write unit${writeUnits(all) === 1 ? "" : "s"}, where ${first} alone needs ${formatBytes(least)} for ${formatNumber(writeUnits(least))}`;
  return [
    widened.has(index.name)
      ? {
          code: "projection-limit",
          severity: "info",
          subject: index.name,
          evidence: `it projects ALL: ${paid}`,
          cause: `An index includes ${includesOfIndex} attributes at most, and all indexes of a table together ${includesLimit}.`,
          fix: "Select fewer fields in the patterns that are read least.",
        }
      : {
          code: "index-projects-all",
          severity: "info",
          subject: index.name,
          evidence: `it projects ALL for ${others.join(", ")}: ${paid}`,
          cause: "Patterns share an index, whose entries hold what the one that reads most of them needs.",
          fix: `Say what ${others.length === 1 ? "it reads" : "they read"} with select, or declare ${first} with another order, which has an index of its own.`,
        },
  ];
}
