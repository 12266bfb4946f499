import type { HistoryPoint } from '../../api';
import { daysBefore } from '../../format';
import type { Range } from '../../period/ranges';

/** Up to this many days every day is a row; beyond it the last day of each month. */
const dailyRowsMax = 45;

/** Rows of the table twin of the value chart, the newest first. */
export function historyRows(series: HistoryPoint[]): HistoryPoint[] {
  if (series.length <= dailyRowsMax) return series.toReversed();
  const rows = series.filter((point, index) => {
    const next = series[index + 1];
    return !next || next.date.slice(0, 7) !== point.date.slice(0, 7);
  });
  return rows.toReversed();
}

/**
 * The time-weighted return as a line. Charts measure it against its first point, the evening before the
 * period; from the very start on there is no such evening in the series, so it is put before it.
 */
export function returnLine(series: HistoryPoint[], range: Range): { date: string; value: string | null }[] {
  const line = series.map(({ date, twr }) => ({ date, value: twr }));
  const [first] = line;
  if (range !== 'max' || !first || first.value === null) return line;
  return [{ date: daysBefore(first.date, 1), value: '0' }, ...line];
}
