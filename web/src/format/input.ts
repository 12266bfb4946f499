/** Numbers as people type them, in the locale's separators, to plain decimal strings and back. */
import { isDecimal } from './decimal';
import { locale } from './locale';
import { decimalSeparator, minus } from './number';

/**
 * The plain decimal for what was typed, or null when it can't be read without guessing. Spaces and the
 * locale's grouping are allowed where groups have three digits; a plain decimal is always understood
 * unless the locale reads its point as grouping.
 */
export function readDecimal(text: string): string | null {
  const point = decimalSeparator(locale());
  const group = point === ',' ? '.' : ',';
  let typed = text
    .trim()
    .replace(/[\s\u00a0\u202f'\u2019]/g, '')
    .replace(minus, '-')
    .replace(/^\+/, '');
  const grouped = new RegExp(`^-?\\d{1,3}(\\${group}\\d{2,3})*\\${group}\\d{3}(\\${point}\\d+)?$`);
  if (grouped.test(typed)) typed = typed.replaceAll(group, '');
  if (point === ',' && !typed.includes('.')) typed = typed.replace(',', '.');
  if (/^-?[.]\d+$/.test(typed)) typed = typed.replace('.', '0.');
  if (/^-?\d+[.]$/.test(typed)) typed = typed.slice(0, -1);
  return isDecimal(typed) ? typed : null;
}

/** A plain decimal as it would be typed: the locale's point, no grouping. */
export function writeDecimal(value: string | null | undefined): string {
  if (value === null || value === undefined) return '';
  return value.replace('.', decimalSeparator(locale()));
}
