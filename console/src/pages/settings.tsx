// The server's health, its limits, who is signed in, and how the page looks.
import { useState } from "preact/hooks";
import { call, choose, health, region, session } from "../api";
import { Badge, Choice, Facts, Field, Loading, Problem, Section, useLoad } from "../parts/basic";
import { count } from "../pure/format";
import { type Theme, theme } from "../theme";

interface Limits {
  ShardLimit: number;
  OpenShardCount: number;
  OnDemandStreamCount: number;
  OnDemandStreamCountLimit: number;
}
interface TableLimits {
  AccountMaxReadCapacityUnits: number;
  AccountMaxWriteCapacityUnits: number;
}

const SERVICES: Record<string, string> = {
  kinesis: "Kinesis", dynamodb: "DynamoDB", dynamodbstreams: "DynamoDB Streams", firehose: "Firehose", glue: "Glue",
};

export function Settings() {
  const state = useLoad("health", health, 3000);
  const limits = useLoad("limits", async (abort) => ({
    kinesis: await call<Limits>("kinesis", "DescribeLimits", {}, abort),
    dynamodb: await call<TableLimits>("dynamodb", "DescribeLimits", {}, abort),
  }));
  const [wanted, want] = useState(region.value);
  const { caller, open, regions, version, region: own } = session.value!;
  return (
    <>
      <h1>Settings and health</h1>
      <div class="columns">
        <Section title="Health" aside={state.value && <Badge state={state.value.status} />}>
          <Problem text={state.fault} />
          {state.value === undefined ? !state.fault && <Loading /> : (
            <div class="scroll" role="group" aria-label="Requests by service" tabIndex={0}>
              <table>
                <thead><tr><th>Service</th><th class="number">Answered</th><th class="number">Refused</th><th class="number">Failed</th></tr></thead>
                <tbody>
                  {Object.entries(state.value.services).map(([name, counts]) => (
                    <tr key={name}>
                      <td>{SERVICES[name] ?? name}</td>
                      <td class="number">{count(counts.answered)}</td>
                      <td class="number">{count(counts.refused)}</td>
                      <td class={`number ${counts.failed > 0 ? "warn" : ""}`}>{count(counts.failed)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
          <p class="muted">Since the server was started. As text for Prometheus: <a href="/_headwater/metrics">/_headwater/metrics</a></p>
        </Section>
        <Section title="This server">
          <Problem text={limits.fault} />
          <Facts rows={[
            ["Version", version],
            ["Region", regions === "many" ? `many; ${own} unless another is asked` : own],
            ["Open shards", limits.value ? `${count(limits.value.kinesis.OpenShardCount)} of ${count(limits.value.kinesis.ShardLimit)}` : "…"],
            ["Streams on demand", limits.value ? `${count(limits.value.kinesis.OnDemandStreamCount)} of ${count(limits.value.kinesis.OnDemandStreamCountLimit)}` : "…"],
            ["Read capacity of all tables", limits.value ? count(limits.value.dynamodb.AccountMaxReadCapacityUnits) : "…"],
            ["Write capacity of all tables", limits.value ? count(limits.value.dynamodb.AccountMaxWriteCapacityUnits) : "…"],
          ]} />
          <p class="muted">Settings are given when the server starts: <code>headwater serve --help</code>.</p>
        </Section>
        <Section title="You">
          <Facts rows={[
            ["Signed in", open ? "nobody needs to be: no credential is configured, and only this machine is answered" : <span class="mono">{caller?.principal}</span>],
            ["Access key", open ? "–" : <span class="mono">{caller?.accessKeyId}</span>],
            ["Account", <span class="mono">{caller?.account}</span>],
          ]} />
          {regions === "many" && (
            <form class="bar" onSubmit={(event) => { event.preventDefault(); choose(wanted.trim()); }}>
              <Field label="Region to look at" value={wanted} set={want} placeholder={own} />
              <button type="submit">Look there</button>
            </form>
          )}
        </Section>
        <Section title="This page">
          <Choice<Theme> label="Colours" value={theme.value} set={(value) => (theme.value = value)}
            options={[["system", "as the system has them"], ["light", "light"], ["dark", "dark"]]} />
        </Section>
      </div>
    </>
  );
}
