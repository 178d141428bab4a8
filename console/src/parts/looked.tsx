// One record that somebody looks at: what is known of it, and its data in a form that can be read.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { words } from "../api";
import { type Shown, VIEWS, type View, fromBase64, show } from "../pure/decode";
import { bytes, count, cut } from "../pure/format";
import { Choice, Facts, Problem } from "./basic";

/** What is looked at of a record, and what is drawn of its text. */
const MOST_BYTES = 1 << 20;
const MOST_CHARACTERS = 256 << 10;

/** `data` gives it as base64, when it is asked for. */
export function Looked(props: { id: number | string; size: number; rows: [string, ComponentChildren][]; data: () => Promise<string>; close: () => void }) {
  const [view, setView] = useState<View>("auto");
  const [shown, setShown] = useState<Shown | undefined>(undefined);
  const [fault, setFault] = useState<string | undefined>(undefined);
  useEffect(() => {
    let gone = false;
    setFault(undefined);
    readable(props.data, view).then(
      (found) => !gone && setShown(found),
      (error: unknown) => !gone && setFault(words(error)),
    );
    return () => {
      gone = true;
    };
  }, [props.id, view]);
  return (
    <aside class="record" aria-label="The chosen record">
      <header>
        <Choice label="Show as" value={view} set={setView} options={VIEWS.map((name) => [name, name === "kpl" ? "KPL" : name] as const)} />
        <button type="button" onClick={props.close} aria-label="Close the record">✕</button>
      </header>
      <Facts rows={props.rows} />
      <Problem text={fault} />
      {shown && (
        <>
          <p class="muted">{shown.as === "kpl" ? "KPL" : shown.as}{shown.note ? ` – ${shown.note}` : ""}{props.size > MOST_BYTES ? `; of its first ${bytes(MOST_BYTES)}` : ""}{shown.text.length > MOST_CHARACTERS ? `; the first ${count(MOST_CHARACTERS)} characters` : ""}</p>
          <pre tabIndex={0} aria-label="Data" class={shown.as === "hex" ? "" : "wrapped"}>{cut(shown.text, MOST_CHARACTERS)}</pre>
        </>
      )}
    </aside>
  );
}

/** A record's data as somebody can read it. */
async function readable(load: () => Promise<string>, view: View): Promise<Shown> {
  const data = await load();
  // Four characters stand for three bytes.
  const first = data.slice(0, Math.ceil(MOST_BYTES / 3) * 4);
  return show(fromBase64(first), view, first.length < data.length);
}
