// What the pages draw: bars (records by type, arrivals by month, the histogram of a search) and points on a time axis.
import * as echarts from "echarts/core";
import { BarChart, ScatterChart } from "echarts/charts";
import { AriaComponent, DataZoomInsideComponent, GridComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([
  BarChart, ScatterChart, AriaComponent, DataZoomInsideComponent, GridComponent, TooltipComponent, CanvasRenderer,
]);
window.echarts = echarts;
