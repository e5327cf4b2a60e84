import type { Finding } from "./finding.js";
import { isSlot, type Template } from "./template.js";

/** Findings as a plan's text ends with them. */
export function renderFindings(findings: readonly Finding[]): string[] {
  const lines = [findings.length === 0 ? "no findings" : "findings"];
  for (const finding of findings) {
    lines.push(
      `  ${finding.severity.padEnd(7)} ${finding.code}  ${finding.subject}`,
      `          seen   ${finding.evidence}`,
      `          why    ${finding.cause}`,
      `          fix    ${finding.fix}`,
    );
  }
  return lines;
}

/** A template as an object literal of JavaScript, with <slots>. */
export function renderTemplate(template: Template): string {
  if (typeof template !== "object" || template === null) return JSON.stringify(template);
  if (isSlot(template)) return `<${template.$slot}>`;
  if (Array.isArray(template)) return `[${template.map(renderTemplate).join(", ")}]`;
  const members = Object.entries(template).map(([name, member]) => {
    const key = /^[$A-Za-z_][$\w]*$/.test(name) ? name : JSON.stringify(name);
    return `${key}: ${renderTemplate(member)}`;
  });
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}
