// A long list of which only what is seen is drawn. Rows are of one height.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const ROW_PX = 28;
const BEYOND = 8;

export function Virtual<T>(props: {
  items: T[]; label: string; row: (item: T, at: number) => ComponentChildren; height: number; top?: (atTop: boolean) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState(0);
  useEffect(() => props.top?.(scroll === 0), [scroll === 0]);
  const first = Math.max(0, Math.floor(scroll / ROW_PX) - BEYOND);
  const shown = props.items.slice(first, first + Math.ceil(props.height / ROW_PX) + 2 * BEYOND);
  return (
    <div
      ref={box} class="virtual" role="group" aria-label={props.label} tabIndex={0} style={{ height: `${props.height}px` }}
      onScroll={() => setScroll(box.current?.scrollTop ?? 0)}
    >
      <div class="virtual-all" style={{ height: `${props.items.length * ROW_PX}px` }}>
        <div class="virtual-seen" style={{ transform: `translateY(${first * ROW_PX}px)` }}>{shown.map((item, at) => props.row(item, first + at))}</div>
      </div>
    </div>
  );
}
