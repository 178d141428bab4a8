// What pages are made of.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { words } from "../api";

/** What a load gives: the newest value, and why there is no newer one. */
export interface Loaded<T> {
  value: T | undefined;
  fault: string | undefined;
  reload: () => void;
}

/** Loads at once, whenever `key` changes, and every `everyMs` while the page is visible. */
export function useLoad<T>(key: string, load: (abort: AbortSignal) => Promise<T>, everyMs?: number): Loaded<T> {
  const [state, set] = useState<{ key: string; value?: T; fault?: string }>({ key });
  const [turn, again] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async () => {
      try {
        if (!document.hidden) {
          const value = await load(abort.signal);
          if (!abort.signal.aborted) set({ key, value });
        }
      } catch (error) {
        if (abort.signal.aborted) return;
        const fault = words(error);
        set((held) => (held.key === key && held.value !== undefined ? { key, value: held.value, fault } : { key, fault }));
      }
      if (everyMs !== undefined && !abort.signal.aborted) timer = setTimeout(() => void run(), everyMs);
    };
    void run();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, turn]);
  const own = state.key === key ? state : { value: undefined, fault: undefined };
  return { value: own.value, fault: own.fault, reload: () => again((nth) => nth + 1) };
}

/** A state in one word. */
export function Badge({ state }: { state: string }) {
  const kind = /^(ACTIVE|ENABLED|OPEN|ready|live|done|succeeded|leads)$/i.test(state) ? "good"
    : /(ING|INPROGRESS|stopping)$/i.test(state) ? "busy"
    : /(FAILED|INACCESSIBLE|SUSPENDED)/i.test(state) ? "bad" : "plain";
  return <span class={`badge ${kind}`}>{state.toLowerCase().replaceAll("_", " ")}</span>;
}

/** Something failed; said in the service's words. */
export function Problem({ text }: { text: string | undefined }) {
  return text === undefined ? null : (
    <div class="problem" role="alert">
      <strong>That did not work.</strong> <span>{text}</span>
    </div>
  );
}

/** Nothing there yet, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export function Loading() {
  return <p class="muted" role="status">Loading…</p>;
}

/** A page that is not there yet, or never will be. */
export function Awaited({ name, fault }: { name: string; fault: string | undefined }) {
  return (
    <>
      <h1>{name}</h1>
      {fault === undefined ? <Loading /> : (
        <>
          <Problem text={fault} />
          <p class="advice">What there is stands at the side, and on the <a href="#/">overview</a>. This page asks again by itself.</p>
        </>
      )}
    </>
  );
}

/** Names and what they stand for. */
export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Section({ title, aside, children }: { title: string; aside?: ComponentChildren; children: ComponentChildren }) {
  const id = useId();
  return (
    <section class="section" aria-labelledby={id}>
      <header class="section-head">
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div class="section-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

/** A text field, a number field or the like, with its name above it. */
export function Field(props: {
  label: string; value: string; set: (value: string) => void; type?: "text" | "search" | "password" | "number" | "datetime-local"; placeholder?: string; hint?: string;
  required?: boolean; autofocus?: boolean; autocomplete?: string;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id} type={(props.type ?? "text") as "text"} value={props.value} placeholder={props.placeholder ?? ""} required={props.required ?? false}
        autofocus={props.autofocus ?? false} autocomplete={(props.autocomplete ?? "off") as "off"} spellcheck={false}
        {...(props.type === "datetime-local" && { step: 1 })}
        aria-describedby={props.hint === undefined ? undefined : `${id}-hint`}
        onInput={(event) => props.set(event.currentTarget.value)}
      />
      {props.hint !== undefined && <p class="hint" id={`${id}-hint`}>{props.hint}</p>}
    </div>
  );
}

export function Choice<T extends string>(props: { label: string; value: T; set: (value: T) => void; options: readonly (readonly [T, string])[] }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select id={id} value={props.value} onChange={(event) => props.set(event.currentTarget.value as T)}>
        {props.options.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
      </select>
    </div>
  );
}

export function Area(props: { label: string; value: string; set: (value: string) => void; rows?: number; hint?: string }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <textarea id={id} rows={props.rows ?? 6} spellcheck={false} value={props.value} onInput={(event) => props.set(event.currentTarget.value)} />
      {props.hint !== undefined && <p class="hint">{props.hint}</p>}
    </div>
  );
}

/** A dialog with a form; `act` runs when it is sent, and the dialog closes when that succeeded. */
export function Dialog(props: {
  title: string; verb: string; close: () => void; act: () => Promise<void>; danger?: boolean; wide?: boolean; children?: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const [fault, setFault] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      await props.act();
      props.close();
    } catch (error) {
      setFault(words(error));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} class={props.wide ? "wide" : ""} aria-labelledby={id} onClose={props.close}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={id}>{props.title}</h2>
        {props.children}
        <Problem text={fault} />
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>Cancel</button>
          <button type="submit" class={props.danger ? "danger" : "primary"} disabled={busy}>{props.verb}</button>
        </div>
      </form>
    </dialog>
  );
}

/** The ways a page can be looked at, each with an address. */
export function Tabs({ tabs, current }: { tabs: [string, string, string][]; current: string }) {
  return (
    <nav class="tabs" aria-label="Views of this page">
      {tabs.map(([id, text, href]) => (
        <a key={id} href={href} aria-current={id === current ? "page" : undefined}>{text}</a>
      ))}
    </nav>
  );
}

/** Text to paste into a shell. */
export function Command({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard?.writeText(text);
    setCopied(true);
  };
  return (
    <div class="command">
      <code>{text}</code>
      {"clipboard" in navigator && <button type="button" onClick={() => void copy()} aria-live="polite">{copied ? "Copied" : "Copy"}</button>}
    </div>
  );
}
