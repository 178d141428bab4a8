// Arazzo workflows: a document that is pasted or chosen, checked as it is written, run by the server, and its steps as
// they go.
import { useEffect, useRef, useState } from "preact/hooks";
import { own, words } from "../api";
import { Area, Badge, Choice, Field, Problem, Section } from "../parts/basic";
import { count, cut, duration, visible } from "../pure/format";
import { BEGUN, EXAMPLE, Lines, type Run, type Told, after } from "../pure/run";

/** What the server takes. */
const MOST_BYTES = 200 << 10;
/** Lines of a run that are drawn, the newest. */
const MOST_LINES = 300;
/** Of outputs. */
const MOST_CHARACTERS = 64 << 10;
const CHECK_AFTER_MS = 400;
const DRAWN_EVERY_MS = 100;

interface Input {
  name: string;
  type: string | null;
  description: string;
  isRequired: boolean;
  default: unknown;
  isSecret: boolean;
}
interface Checked {
  problems: { line: number; isError: boolean; sentence: string }[];
  workflows: { id: string; summary: string; steps: string[]; inputs: Input[] }[];
}

const post = (path: string, body: object, signal: AbortSignal) =>
  own(`workflows/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), signal });

export function Workflows() {
  const [document_, setDocument] = useState("");
  const [checked, setChecked] = useState<Checked | undefined>(undefined);
  const [chosen, choose] = useState("");
  const [inputs, setInputs] = useState<Record<string, string>>({});
  const [fault, setFault] = useState<string | undefined>(undefined);
  const [run, setRun] = useState<Run | undefined>(undefined);
  const [stop, setStop] = useState<AbortController | undefined>(undefined);

  useEffect(() => {
    setChecked(undefined);
    setFault(undefined);
    if (document_.trim() === "") return undefined;
    const abort = new AbortController();
    const wait = setTimeout(() => {
      post("check", { document: document_ }, abort.signal)
        .then((reply) => reply.json())
        .then((found) => setChecked(found as Checked), (error: unknown) => !abort.signal.aborted && setFault(words(error)));
    }, CHECK_AFTER_MS);
    return () => {
      clearTimeout(wait);
      abort.abort();
    };
  }, [document_]);
  // Who leaves the page stops what it runs.
  const running = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const workflow = checked?.workflows.find(({ id }) => id === chosen) ?? checked?.workflows[0];
  const isWrong = checked?.problems.some(({ isError }) => isError) ?? true;
  const open = async (file: File | undefined) => {
    if (file === undefined) return;
    if (file.size > MOST_BYTES) setFault("The file is too large for a workflow.");
    else setDocument(await file.text());
  };
  const begin = async (event: Event) => {
    event.preventDefault();
    if (workflow === undefined || isWrong || stop !== undefined) return;
    const abort = new AbortController();
    running.current = abort;
    setStop(abort);
    setFault(undefined);
    setRun(BEGUN);
    const given = Object.fromEntries(workflow.inputs.flatMap(({ name }) => (inputs[name] === undefined || inputs[name] === "" ? [] : [[name, inputs[name]]])));
    try {
      await follow(await post("run", { document: document_, workflow: workflow.id, inputs: given }, abort.signal), setRun);
    } catch (error) {
      if (abort.signal.aborted) setRun((held) => held && after(held, { event: "end", succeeded: false, failure: "It was stopped.", outputs: null }));
      else setFault(words(error));
    }
    running.current = undefined;
    setStop(undefined);
  };
  return (
    <>
      <header class="page-head"><div><p class="kind">Arazzo</p><h1>Workflows</h1></div></header>
      <p class="advice">A document of workflows is run by this server, on this server, with your own rights: nothing else is reached, and what descriptions it names are not fetched.</p>
      <form class="workflow" onSubmit={(event) => void begin(event)}>
        <div>
          <div class="bar">
            <div class="field">
              <label for="workflow-file">A file</label>
              <input id="workflow-file" type="file" accept=".yml,.yaml,.json" onChange={(event) => void open(event.currentTarget.files?.[0])} />
            </div>
            <button type="button" onClick={() => setDocument(EXAMPLE)}>Take an example</button>
          </div>
          <Area label="Document, YAML or JSON" value={document_} set={setDocument} rows={18} />
          {checked && checked.problems.length > 0 && (
            <ul class="reasons" aria-label="Problems">
              {checked.problems.slice(0, 20).map(({ line, isError, sentence }) => (
                <li key={`${line} ${sentence}`} class={isError ? "warn" : "muted"}>line {count(line)}: {visible(cut(sentence, 400))}</li>
              ))}
            </ul>
          )}
        </div>
        <div>
          {workflow === undefined ? <p class="muted">Paste a document or choose a file; its workflows and their inputs appear here.</p> : (
            <>
              <Choice label="Workflow" value={workflow.id} set={choose} options={checked!.workflows.map(({ id }) => [id, visible(cut(id, 80))] as const)} />
              {workflow.summary !== "" && <p class="muted">{visible(cut(workflow.summary, 400))}</p>}
              {workflow.inputs.map((input) => (
                <Field
                  key={`${workflow.id} ${input.name}`} label={visible(cut(input.name, 80))} type={input.isSecret ? "password" : "text"} value={inputs[input.name] ?? ""}
                  set={(value) => setInputs({ ...inputs, [input.name]: value })} required={input.isRequired && input.default === null}
                  {...(input.default !== null && { placeholder: visible(cut(typeof input.default === "string" ? input.default : JSON.stringify(input.default), 80)) })}
                  hint={visible(cut([input.type ?? "any", input.description].filter((text) => text !== "").join(": "), 300))}
                />
              ))}
              <div class="bar">
                <button type="submit" class="primary" disabled={isWrong || stop !== undefined}>Run</button>
                <button type="button" class="danger" disabled={stop === undefined} onClick={() => stop?.abort()}>Stop</button>
              </div>
            </>
          )}
        </div>
      </form>
      <Problem text={fault} />
      {run && <Went run={run} />}
    </>
  );
}

/** Reads a run to its end; what is drawn of it changes ten times a second. */
async function follow(reply: Response, draw: (run: Run) => void): Promise<void> {
  const reader = reply.body!.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
  const lines = new Lines();
  let run = BEGUN;
  let drawn = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    run = lines.push(value).reduce((held: Run, told: Told) => after(held, told), run);
    if (Date.now() - drawn > DRAWN_EVERY_MS) {
      draw(run);
      drawn = Date.now();
    }
  }
  draw(run.end ? run : after(run, { event: "end", succeeded: false, failure: "The server ended it.", outputs: null }));
}

const STATES = { running: "RUNNING", done: "done", failed: "FAILED", plain: "" };

function Went({ run }: { run: Run }) {
  const { lines, end } = run;
  const left = lines.length - MOST_LINES;
  return (
    <>
      <Section title="The run" aside={<span role="status">{end === undefined ? <Badge state="RUNNING" /> : <Badge state={end.succeeded ? "succeeded" : "FAILED"} />}</span>}>
        {left > 0 && <p class="muted">{count(left)} earlier lines are not shown.</p>}
        <ol class="run" aria-label="Steps">
          {lines.slice(-MOST_LINES).map((line, at) => (
            <li key={Math.max(0, left) + at} style={{ "--depth": line.depth }} class={`run-${line.kind}`}>
              <span class="run-name">{visible(cut(line.name, 120))}</span>
              {line.state !== "plain" && <Badge state={STATES[line.state]} />}
              {line.status !== undefined && <span class="number">{line.status}</span>}
              {line.tookMs !== undefined && <span class="number muted">{duration(line.tookMs)}</span>}
              <span class={line.state === "failed" ? "warn" : "muted"}>{visible(cut(line.note, 600))}</span>
              {isSomething(line.outputs) && <details><summary>outputs</summary><Values of={line.outputs} name={`Outputs of ${cut(line.name, 80)}`} /></details>}
            </li>
          ))}
        </ol>
      </Section>
      {end && (
        <Section title="Outputs">
          {!end.succeeded && <Problem text={visible(cut(end.failure ?? "", 2000))} />}
          {isSomething(end.outputs) ? <Values of={end.outputs} name="Outputs of the workflow" /> : <p class="muted">It gave none.</p>}
        </Section>
      )}
    </>
  );
}

const isSomething = (outputs: unknown) => outputs !== undefined && outputs !== null && JSON.stringify(outputs) !== "{}";

function Values({ of, name }: { of: unknown; name: string }) {
  const text = JSON.stringify(of, null, 2);
  return <pre class="wrapped" tabIndex={0} aria-label={visible(name)}>{cut(text, MOST_CHARACTERS).replace(/[^\n]+/g, visible)}</pre>;
}
