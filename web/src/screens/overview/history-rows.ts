import type { HistoryPoint } from '../../api';

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
