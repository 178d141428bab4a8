// The console's frame: what there is at the side, the page beside it, shortcuts.
import "./style.css";
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, logout, region, session, words } from "./api";
import { type Listed, deliveries, refresh, streams, tables } from "./catalog";
import { Empty, Loading, Problem } from "./parts/basic";
import { Delivery } from "./pages/delivery";
import { Failures } from "./pages/failures";
import { Login } from "./pages/login";
import { Overview } from "./pages/overview";
import { Settings } from "./pages/settings";
import { Stream } from "./pages/stream";
import { TablePage } from "./pages/table";
import { Workflows } from "./pages/workflows";
import { count } from "./pure/format";
import { go, here, to } from "./router";
import { shown, turn } from "./theme";

const EVERY_MS = 5000;
/** Names of one kind at the side; the rest is found by typing. */
const MOST_NAMES = 60;

const SHORTCUTS: [string, string][] = [
  ["g o", "the overview"], ["g w", "workflows"], ["g s", "settings and health"], ["/", "find a stream, table or delivery stream"], ["t", "light or dark"],
  ["p", "pause or go on, on a stream's tail"], ["← → ↑ ↓", "another shard, on the map of shards"], ["+ − 0", "nearer, further, all of it, on the map of shards"], ["?", "these shortcuts"],
];

function Names({ title, path, listed, wanted }: { title: string; path: string; listed: Listed<string> | undefined; wanted: string }) {
  const fitting = (listed?.items ?? []).filter((name) => name.toLowerCase().includes(wanted.toLowerCase()));
  const [kind, name] = here.value.parts;
  return (
    <div class="names">
      <h2>{title} <span class="muted">{listed ? count(fitting.length) : ""}</span></h2>
      {listed?.fault !== undefined && <p class="warn">{listed.fault}</p>}
      <ul>
        {fitting.slice(0, MOST_NAMES).map((one) => (
          <li key={one}><a href={to(path, one)} aria-current={kind === path && name === one ? "page" : undefined}>{one}</a></li>
        ))}
      </ul>
      {fitting.length > MOST_NAMES && <p class="muted">{count(fitting.length - MOST_NAMES)} more: type to find one</p>}
    </div>
  );
}

function Side({ find }: { find: preact.RefObject<HTMLInputElement | null> }) {
  const [wanted, want] = useState("");
  const [first] = here.value.parts;
  const names = streams.value && { ...streams.value, items: streams.value.items.map(({ StreamName }) => StreamName) };
  return (
    <nav class="side" aria-label="What there is">
      <ul class="places">
        <li><a href={to()} aria-current={first === undefined ? "page" : undefined}>Overview</a></li>
        <li><a href={to("workflows")} aria-current={first === "workflows" ? "page" : undefined}>Workflows</a></li>
        <li><a href={to("settings")} aria-current={first === "settings" ? "page" : undefined}>Settings and health</a></li>
      </ul>
      <label class="unseen" for="find">Find a stream, table or delivery stream</label>
      <input id="find" ref={find} type="search" placeholder="Find…  /" value={wanted} onInput={(event) => want(event.currentTarget.value)} autocomplete="off" />
      <Names title="Streams" path="streams" listed={names} wanted={wanted} />
      <Names title="Tables" path="tables" listed={tables.value} wanted={wanted} />
      <Names title="Delivery streams" path="delivery" listed={deliveries.value} wanted={wanted} />
    </nav>
  );
}

function Page() {
  const [kind, name, view] = here.value.parts;
  if (kind === undefined) return <Overview />;
  if (kind === "workflows") return <Workflows />;
  if (kind === "settings") return <Settings />;
  if (kind === "streams" && name !== undefined) return <Stream key={name} stream={name} />;
  if (kind === "tables" && name !== undefined) return <TablePage key={name} name={name} />;
  if (kind === "delivery" && name !== undefined && view === "errors") return <Failures key={name} name={name} />;
  if (kind === "delivery" && name !== undefined) return <Delivery key={name} name={name} />;
  return <Empty title="There is no such page"><p>Choose something at the side, or go to the <a href={to()}>overview</a>.</p></Empty>;
}

function Shortcuts({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="shortcuts">
      <h2 id="shortcuts">Shortcuts</h2>
      <dl class="keys">{SHORTCUTS.map(([keys, text]) => <div key={keys}><dt>{keys.split(" ").map((key) => <kbd>{key}</kbd>)}</dt><dd>{text}</dd></div>)}</dl>
      <div class="actions"><button type="button" class="primary" onClick={() => dialog.current?.close()}>Close</button></div>
    </dialog>
  );
}

function useShortcuts(find: preact.RefObject<HTMLInputElement | null>, help: () => void, menu: (open: boolean) => void) {
  useEffect(() => {
    let before = "";
    const keyed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || document.querySelector("dialog[open]")) return;
      const both = `${before} ${event.key}`;
      before = event.key;
      if (both === "g o") go();
      else if (both === "g w") go("workflows");
      else if (both === "g s") go("settings");
      else if (event.key === "t") turn();
      else if (event.key === "?") help();
      else if (event.key === "/") {
        menu(true);
        event.preventDefault();
        // At once, so that what is typed next is not lost; and again where the menu had to be opened first.
        find.current?.focus();
        requestAnimationFrame(() => find.current?.focus());
      }
    };
    addEventListener("keydown", keyed);
    return () => removeEventListener("keydown", keyed);
  }, []);
}

function Frame() {
  const find = useRef<HTMLInputElement>(null);
  const [help, setHelp] = useState(false);
  const [menu, setMenu] = useState(false);
  const content = useRef<HTMLElement>(null);
  const { caller, open } = session.value!;
  useShortcuts(find, () => setHelp(true), setMenu);
  useEffect(() => {
    void refresh();
    const timer = setInterval(() => !document.hidden && void refresh(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const path = here.value.parts.slice(0, 2).join("/");
  useEffect(() => {
    setMenu(false);
    document.title = [here.value.parts[1] ?? here.value.parts[0] ?? "Overview", "Headwater"].join(" · ");
  }, [path]);
  return (
    <div class={`frame ${menu ? "menu-open" : ""}`}>
      <a class="skip" href="#content" onClick={(event) => { event.preventDefault(); content.current?.focus(); }}>Skip to the page</a>
      <header class="top">
        <button type="button" class="menu" aria-expanded={menu} onClick={() => setMenu(!menu)}>Menu</button>
        <a class="brand" href={to()}>
          <svg viewBox="0 0 32 32" aria-hidden="true"><path d="M3 11c4.5-5.5 8.500-5.500 13 0s8.500 5.500 13 0M3 21c4.500-5.500 8.500-5.500 13 0s8.500 5.500 13 0" /></svg>
          Headwater
        </a>
        <span class="where">{region.value || caller?.region} · {caller?.account}</span>
        <span class="top-end">
          <button type="button" class="quiet" onClick={turn} aria-label={shown.value === "dark" ? "Light colours" : "Dark colours"}>{shown.value === "dark" ? "☀" : "☾"}</button>
          <button type="button" class="quiet" onClick={() => setHelp(true)} aria-label="Shortcuts">?</button>
          {!open && <button type="button" class="quiet" onClick={() => void logout()}>Sign out</button>}
        </span>
      </header>
      <Side find={find} />
      <main id="content" ref={content} tabIndex={-1}><Page /></main>
      {help && <Shortcuts close={() => setHelp(false)} />}
    </div>
  );
}

function App() {
  const [fault, setFault] = useState<string | undefined>(undefined);
  useEffect(() => void ask().catch((error: unknown) => setFault(words(error))), []);
  if (session.value === undefined) return <main class="alone">{fault === undefined ? <Loading /> : <Problem text={fault} />}</main>;
  if (session.value.caller === null) {
    return session.value.open
      ? <main class="alone"><Problem text="Without credentials, the console answers on the server's own machine only. Configure some with --credentials to sign in from elsewhere." /></main>
      : <main class="alone"><Login /></main>;
  }
  return <Frame key={region.value} />;
}

render(<App />, document.getElementById("app")!);
