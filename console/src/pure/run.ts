// A workflow's run, as the server tells it line by line. Pure.

/** Something that happens in a run. */
export type Told =
  | { event: "workflow"; depth: number; workflow: string; summary: string }
  | { event: "step"; depth: number; step: string }
  | {
      event: "done"; depth: number; workflow: string; step: string; attempt: number; called: string; status: number | null; failure: string | null;
      outputs: unknown; tookMs: number;
    }
  | { event: "turn"; depth: number; action: string; to: string; pauseMs: number }
  | { event: "over"; depth: number; workflow: string; failure: string | null }
  | { event: "end"; succeeded: boolean; failure: string | null; outputs: unknown };

/** A line of what is shown. */
export interface Line {
  depth: number;
  kind: "workflow" | "step" | "turn";
  name: string;
  state: "running" | "done" | "failed" | "plain";
  /** What is said beside the name. */
  note: string;
  status?: number;
  tookMs?: number;
  outputs?: unknown;
}

/** A run so far. */
export interface Run {
  lines: Line[];
  end?: { succeeded: boolean; failure: string | null; outputs: unknown };
}

export const BEGUN: Run = { lines: [] };

/** The run after something happened in it. */
export function after(run: Run, told: Told): Run {
  const add = (line: Line): Run => ({ ...run, lines: [...run.lines, line] });
  switch (told.event) {
    case "workflow":
      return add({ depth: told.depth, kind: "workflow", name: told.workflow, state: "running", note: told.summary });
    case "step":
      return add({ depth: told.depth, kind: "step", name: told.step, state: "running", note: "" });
    case "turn": {
      const pause = told.pauseMs > 0 ? `, after ${told.pauseMs} ms` : "";
      return add({ depth: told.depth, kind: "turn", name: told.action, state: "plain", note: `on to ${told.to}${pause}` });
    }
    case "done": {
      const note = told.failure ?? (told.attempt > 1 ? `attempt ${told.attempt}` : "");
      const { status, tookMs, outputs } = told;
      return settle(run, "step", told.depth, told.step, { state: told.failure === null ? "done" : "failed", note, tookMs, outputs, ...(status !== null && { status }) });
    }
    case "over":
      return settle(run, "workflow", told.depth, told.workflow, { state: told.failure === null ? "done" : "failed", ...(told.failure !== null && { note: told.failure }) });
    case "end": {
      const { succeeded, failure, outputs } = told;
      // What was under way when it was ended is not under way any more.
      const lines = run.lines.map((line) => (line.state === "running" ? { ...line, state: "failed" as const } : line));
      return { lines, end: { succeeded, failure, outputs } };
    }
    default:
      return run;
  }
}

/** Changes the newest line of this name that is under way. */
function settle(run: Run, kind: Line["kind"], depth: number, name: string, change: Partial<Line>): Run {
  const at = run.lines.findLastIndex((line) => line.kind === kind && line.depth === depth && line.name === name && line.state === "running");
  return at < 0 ? run : { ...run, lines: run.lines.with(at, { ...run.lines[at]!, ...change }) };
}

/** Texts that come in pieces, as lines of JSON; a line that is none is passed over. */
export class Lines {
  private rest = "";

  push(piece: string): Told[] {
    const lines = (this.rest + piece).split("\n");
    this.rest = lines.pop() ?? "";
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as Told];
      } catch {
        return [];
      }
    });
  }
}

/** A workflow to begin with. */
export const EXAMPLE = `arazzo: 1.0.1
info: { title: A first workflow, version: 1.0.0 }
sourceDescriptions:
  - { name: kinesis, url: ./kinesis.yml, type: openapi }
workflows:
  - workflowId: put-and-read
    summary: Put a record into a stream and read it back.
    inputs:
      type: object
      required: [stream]
      properties:
        stream: { type: string, description: a stream that is there }
        data: { type: string, description: base64, default: aGVsbG8= }
    steps:
      - stepId: put
        operationId: PutRecord
        requestBody:
          payload: { StreamName: $inputs.stream, PartitionKey: k, Data: $inputs.data }
        outputs: { shard: $response.body#/ShardId, number: $response.body#/SequenceNumber }
      - stepId: iterator
        operationId: GetShardIterator
        requestBody:
          payload:
            StreamName: $inputs.stream
            ShardId: $steps.put.outputs.shard
            ShardIteratorType: AT_SEQUENCE_NUMBER
            StartingSequenceNumber: $steps.put.outputs.number
        outputs: { iterator: $response.body#/ShardIterator }
      - stepId: read
        operationId: GetRecords
        requestBody:
          payload: { ShardIterator: $steps.iterator.outputs.iterator, Limit: 1 }
        outputs: { records: $response.body#/Records }
    outputs:
      shard: $steps.put.outputs.shard
      records: $steps.read.outputs.records
`;
