// Shards over the ring of hash keys, unrolled: across, a shard's share; down, generations, so that a shard stands under
// those it was split or merged from. Drawn on a canvas, as there may be thousands; the table below says the same in words.
import { useEffect, useRef, useState } from "preact/hooks";
import { count, shard as name } from "../pure/format";
import { type Placed, at } from "../pure/ring";
import { shown } from "../theme";

const MOST_ROW_PX = 44;
const LEAST_ROW_PX = 14;
const MAP_PX = 260;
const GAP_PX = 3;

interface Window {
  from: number;
  to: number;
}

const ALL: Window = { from: 0, to: 1 };

export function ShardMap(props: {
  placed: Placed[]; selected: number | undefined; select: (at: number | undefined) => void;
}) {
  const { placed, selected, select } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [seen, setSeen] = useState<Window>(ALL);
  const [over, setOver] = useState<number | undefined>(undefined);
  const [width, setWidth] = useState(0);
  const drag = useRef<{ x: number; seen: Window; moved: boolean } | undefined>(undefined);
  const rows = placed.reduce((most, { row }) => Math.max(most, row + 1), 1);
  const rowPx = Math.max(LEAST_ROW_PX, Math.min(MOST_ROW_PX, Math.floor(MAP_PX / rows)));
  const height = rows * (rowPx + GAP_PX);

  useEffect(() => {
    const sizes = new ResizeObserver(() => setWidth(canvas.current?.clientWidth ?? 0));
    sizes.observe(canvas.current!);
    return () => sizes.disconnect();
  }, []);

  useEffect(() => {
    const element = canvas.current!;
    const scale = devicePixelRatio;
    [element.width, element.height] = [Math.max(1, width * scale), height * scale];
    const pen = element.getContext("2d")!;
    const style = getComputedStyle(element);
    const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const [open, closed, ink, busy, label] = ["accent", "closed", "ink", "warm", "on-accent"].map(colour) as [string, string, string, string, string];
    const across = width / (seen.to - seen.from);
    pen.scale(scale, scale);
    pen.font = "11px ui-monospace, monospace";
    pen.textBaseline = "middle";
    const box = (one: Placed) => {
      const left = (one.from - seen.from) * across;
      const wide = (one.to - one.from) * across;
      return { left, wide, drawn: Math.max(wide - (wide > 4 ? 1.5 : wide > 1.5 ? 0.5 : 0), 0.3), top: one.row * (rowPx + GAP_PX) };
    };
    for (const one of placed) {
      if (one.to <= seen.from || one.from >= seen.to) continue;
      const { left, wide, drawn, top } = box(one);
      pen.fillStyle = one.isOpen ? open : closed;
      pen.fillRect(left, top, drawn, rowPx);
      const text = name(one.shard.ShardId);
      if (wide > text.length * 7 + 10 && rowPx >= 16) {
        pen.fillStyle = one.isOpen ? label : ink;
        pen.fillText(text, Math.max(left, 0) + 6, top + rowPx / 2);
      }
    }
    for (const which of [over, selected]) {
      const one = which === undefined ? undefined : placed[which];
      if (!one) continue;
      const { left, wide, top } = box(one);
      pen.strokeStyle = which === selected ? ink : busy;
      pen.lineWidth = 2;
      pen.strokeRect(left + 1, top + 1, Math.max(wide - 3, 2), rowPx - 2);
    }
  }, [placed, seen, width, height, selected, over, shown.value]);

  const find = (event: MouseEvent): number | undefined => {
    const area = canvas.current!.getBoundingClientRect();
    const where = seen.from + ((event.clientX - area.left) / area.width) * (seen.to - seen.from);
    return at(placed, Math.floor((event.clientY - area.top) / (rowPx + GAP_PX)), where);
  };
  const zoom = (factor: number, centre = (seen.from + seen.to) / 2) => {
    const wide = Math.min(1, Math.max(2 ** -20, (seen.to - seen.from) * factor));
    const from = Math.min(1 - wide, Math.max(0, centre - ((centre - seen.from) / (seen.to - seen.from)) * wide));
    setSeen({ from, to: from + wide });
  };
  const show = (which: number | undefined) => {
    const one = which === undefined ? undefined : placed[which];
    if (!one) return;
    select(which);
    if (one.from >= seen.from && one.to <= seen.to) return;
    const wide = Math.max(seen.to - seen.from, one.to - one.from);
    const from = Math.min(1 - wide, Math.max(0, (one.from + one.to - wide) / 2));
    setSeen({ from, to: from + wide });
  };
  const step = (key: string) => {
    const one = selected === undefined ? undefined : placed[selected];
    if (!one) return show(at(placed, rows - 1, seen.from) ?? 0);
    if (key === "ArrowUp") return show(one.parents[0]);
    if (key === "ArrowDown") return show(one.children[0]);
    const row = placed.flatMap((other, nth) => (other.row === one.row ? [nth] : [])).sort((a, b) => placed[a]!.from - placed[b]!.from);
    show(row[row.indexOf(selected!) + (key === "ArrowLeft" ? -1 : 1)]);
  };
  const keyed = (event: KeyboardEvent) => {
    if (event.key.startsWith("Arrow")) step(event.key);
    else if (event.key === "+" || event.key === "=") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else if (event.key === "0") setSeen(ALL);
    else return;
    event.preventDefault();
  };
  const open = placed.filter(({ isOpen }) => isOpen).length;
  const hovered = over === undefined ? undefined : placed[over];
  return (
    <div class="shardmap">
      <canvas
        ref={canvas} tabIndex={0} role="img" style={{ height: `${height}px` }}
        aria-label={`Map of ${count(placed.length)} shards, ${count(open)} of them open, in ${rows} generations. Arrow keys choose a shard, plus and minus zoom.`}
        onKeyDown={keyed}
        onPointerDown={(event) => (drag.current = { x: event.clientX, seen, moved: false })}
        onPointerMove={(event) => {
          const held = drag.current;
          if (!held || event.buttons === 0) return setOver(find(event));
          const moved = ((held.x - event.clientX) / width) * (held.seen.to - held.seen.from);
          if (Math.abs(held.x - event.clientX) > 3) held.moved = true;
          const wide = held.seen.to - held.seen.from;
          const from = Math.min(1 - wide, Math.max(0, held.seen.from + moved));
          if (held.moved) setSeen({ from, to: from + wide });
        }}
        onPointerUp={(event) => {
          if (!drag.current?.moved) select(find(event));
          drag.current = undefined;
        }}
        onPointerLeave={() => setOver(undefined)}
        onWheel={(event) => {
          if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
          event.preventDefault();
          const area = canvas.current!.getBoundingClientRect();
          zoom(event.deltaY + event.deltaX > 0 ? 1.3 : 0.77, seen.from + ((event.clientX - area.left) / area.width) * (seen.to - seen.from));
        }}
      />
      <div class="shardmap-foot">
        <span class="mono">0</span>
        <span class="muted" aria-hidden="true">
          {hovered
            ? `${name(hovered.shard.ShardId)} · ${((hovered.to - hovered.from) * 100).toPrecision(3)} % of the ring · ${hovered.isOpen ? "open" : "closed"}`
            : "hash keys → · generations ↓"}
        </span>
        <span class="shardmap-zoom">
          <button type="button" onClick={() => zoom(0.5)} aria-label="Zoom in">+</button>
          <button type="button" onClick={() => zoom(2)} aria-label="Zoom out" disabled={seen.to - seen.from >= 1}>−</button>
          <button type="button" onClick={() => setSeen(ALL)} disabled={seen.to - seen.from >= 1}>All</button>
        </span>
        <span class="mono">2¹²⁸</span>
      </div>
    </div>
  );
}
