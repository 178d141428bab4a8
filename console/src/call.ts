// The services' public API, called on this very origin; for pages and for workers. What is refused is thrown in the
// service's own words.

export type Service = "kinesis" | "dynamodb" | "streams" | "firehose";

const TARGETS: Record<Service, [string, string]> = {
  kinesis: ["Kinesis_20131202", "application/x-amz-json-1.1"],
  dynamodb: ["DynamoDB_20120810", "application/x-amz-json-1.0"],
  streams: ["DynamoDBStreams_20120810", "application/x-amz-json-1.0"],
  firehose: ["Firehose_20150804", "application/x-amz-json-1.1"],
};

/** A refusal. */
export class Fault extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The code of a request that nobody is signed in for. */
export const UNSIGNED = "MissingAuthenticationTokenException";

/** Asks the server; the header says that it is the console that asks, and of which region. */
export async function send(path: string, region: string, init: RequestInit): Promise<Response> {
  try {
    const headers = { "x-headwater-console": region, ...init.headers };
    return await fetch(path, { ...init, headers, cache: "no-store", credentials: "same-origin" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Fault("Unreachable", "The server does not answer. Is it running?");
  }
}

/** One operation. */
export async function invoke<T>(service: Service, operation: string, input: object, region: string, abort?: AbortSignal): Promise<T> {
  const [target, type] = TARGETS[service];
  const reply = await send("/", region, {
    method: "POST",
    headers: { "content-type": type, "x-amz-target": `${target}.${operation}` },
    body: JSON.stringify(input),
    ...(abort && { signal: abort }),
  });
  const text = await reply.text();
  if (reply.ok) return (text === "" ? {} : JSON.parse(text)) as T;
  throw refusal(reply.status, text);
}

/** A refusal, in the words it came in. */
export function refusal(status: number, text: string): Fault {
  const { __type, message, Message } = (parsed(text) ?? {}) as { __type?: string; message?: string; Message?: string };
  const code = __type?.split("#").pop() ?? `HTTP ${status}`;
  return new Fault(code, message ?? Message ?? code);
}

/** JSON, or nothing if it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a failure says to people. */
export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
