/** The parts of the chart library that are drawn with; its own file so that the rest of it is left out of the bundle. */
export {
  AreaSeries,
  createChart,
  CrosshairMode,
  LineSeries,
  LineStyle,
  LineType,
  PriceScaleMode,
} from 'lightweight-charts';
