// A plot of what happened in the last minutes, with its newest values in words beside it.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { short } from "../pure/format";
import { shown } from "../theme";

export interface Series {
  label: string;
  /** A colour of the style sheet, by its name. */
  colour: string;
  values: (number | null)[];
}

const HEIGHT = 132;
/** The window that is shown: what there is, between these. */
const LEAST_SPAN_S = 60;
const MOST_SPAN_S = 300;

export function Plot({ title, unit, times, series }: { title: string; unit: string; times: number[]; series: Series[] }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const scheme = shown.value;
  useEffect(() => {
    const holder = box.current!;
    const style = getComputedStyle(holder);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const made = new uPlot(
      {
        width: holder.clientWidth, height: HEIGHT, legend: { show: false }, padding: [8, 8, 0, 0], cursor: { y: false, points: { size: 5 } },
        scales: {
          x: { time: true, range: (_, min, max) => [max - Math.min(MOST_SPAN_S, Math.max(LEAST_SPAN_S, max - min)), max] },
          y: { range: (_, __, max) => [0, Math.max(max * 1.15, 1)] },
        },
        axes: [
          { ...axis, size: 24, grid: { show: false }, space: 80, values: (_, ticks) => ticks.map((at) => new Date(at * 1000).toTimeString().slice(0, 8)) },
          { ...axis, size: 44, space: 36, values: (_, ticks) => ticks.map((value) => short(value)) },
        ],
        series: [{}, ...series.map((one, nth) => ({ label: one.label, stroke: colour(one.colour), width: 1.75, ...(nth === 0 && { fill: `${colour(one.colour)}1f` }), points: { show: false } }))],
      },
      [times, ...series.map(({ values }) => values)] as uPlot.AlignedData,
      holder,
    );
    plot.current = made;
    const sizes = new ResizeObserver(() => made.setSize({ width: holder.clientWidth, height: HEIGHT }));
    sizes.observe(holder);
    return () => {
      sizes.disconnect();
      made.destroy();
    };
  }, [scheme, series.length]);
  useEffect(() => plot.current?.setData([times, ...series.map(({ values }) => values)] as uPlot.AlignedData), [times, series]);
  return (
    <figure class="plot">
      <figcaption>
        <span class="plot-title">{title}</span>
        {series.map(({ label, colour, values }) => (
          <span class="plot-now" key={label}>
            <i class={`swatch ${colour}`} aria-hidden="true" />
            {label} <b>{short(values[values.length - 1] ?? undefined)}</b>
          </span>
        ))}
        <span class="muted">{unit}</span>
      </figcaption>
      <div ref={box} class="plot-box" aria-hidden="true" />
    </figure>
  );
}
