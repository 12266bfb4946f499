/** Where the parts of the sentence lead. */
export function fieldID(field: string): string {
  return `rule-${field}`;
}
