// What pages ask of the server, and who is signed in.
import { signal } from "@preact/signals";
import { Fault, type Service, UNSIGNED, invoke, parsed, refusal, send } from "./call";

export { Fault, words, type Service } from "./call";

/** Who is signed in, as the server sees it. */
export interface Session {
  open: boolean;
  caller: { account: string; region: string; accessKeyId: string; principal: string } | null;
  region: string;
  regions: "one" | "many";
  version: string;
}

const REGION = "headwater-region";

export const session = signal<Session | undefined>(undefined);
/** The region asked, where there are many; empty for the server's own. */
export const region = signal(localStorage.getItem(REGION) ?? "");

export function choose(name: string): void {
  localStorage.setItem(REGION, name);
  location.reload();
}

/** One operation. */
export async function call<T>(service: Service, operation: string, input: object, abort?: AbortSignal): Promise<T> {
  return signedIn(invoke<T>(service, operation, input, region.value, abort));
}

/** A page of the server's own that is guarded as operations are. */
export async function own(path: string, init: RequestInit = {}): Promise<Response> {
  const asked = send(`/_headwater/${path}`, region.value, init).then(async (reply) => {
    if (!reply.ok) throw refusal(reply.status, await reply.text());
    return reply;
  });
  return signedIn(asked);
}

/** The answer; where nobody is signed in any more, the door. */
async function signedIn<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Fault && error.code === UNSIGNED) await ask();
    throw error;
  }
}

/** Asks who is signed in. */
export async function ask(): Promise<void> {
  const reply = await send("/_headwater/console/session", region.value, {});
  if (!reply.ok) throw new Fault("Refused", "This page was not opened by one of the server's own names; see --server-name.");
  session.value = (await reply.json()) as Session;
}

export async function login(accessKeyId: string, secretAccessKey: string): Promise<void> {
  const body = JSON.stringify({ accessKeyId, secretAccessKey });
  const headers = { "content-type": "application/json" };
  const reply = await send("/_headwater/console/login", "", { method: "POST", body, headers });
  if (!reply.ok) {
    const said = parsed(await reply.text()) as { error?: string } | undefined;
    throw new Fault("Refused", said?.error ?? `HTTP ${reply.status}`);
  }
  await ask();
}

export async function logout(): Promise<void> {
  await send("/_headwater/console/logout", "", { method: "POST" });
  await ask();
}

/** The metrics endpoint's text. */
export async function metrics(): Promise<string> {
  const reply = await send("/_headwater/metrics", "", {});
  if (!reply.ok) throw new Fault("Refused", "The metrics cannot be had.");
  return reply.text();
}

export interface Health {
  status: string;
  version: string;
  services: Record<string, { answered: number; refused: number; failed: number }>;
}

export async function health(): Promise<Health> {
  return (await (await send("/_headwater/health", "", {})).json()) as Health;
}
