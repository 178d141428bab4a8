// Walks every page of the console in a real Chromium, against servers of its own that are under load. Takes the server's
// binary; says `ok <scenario>` or `FAILED <scenario>: <why>` for each. With TIMES=told times are told and not demanded: a
// machine that does other things besides says little of them.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { HOSTILE, build, client, load, until } from "./world.mjs";

const [binary] = process.argv.slice(2);
/** Where pictures of all pages go, if anywhere. */
const pictures = process.env["PICTURES"];
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "headwater-console-"));
const servers = [];

/** A server on a free port, in memory; gives its endpoint. */
async function serve(...settings) {
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(HEADWATER|AWS)_/.test(name)));
  const child = spawn(binary, ["serve", "--listen", "127.0.0.1:0", "--ephemeral", ...settings], { env: environment });
  servers.push(child);
  let said = "";
  child.stdout.on("data", (text) => (said += text));
  child.stderr.on("data", (text) => (said += text));
  return until(() => /endpoint\s+(http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1], `the server: ${said}`);
}

process.on("exit", () => servers.forEach((server) => server.kill()));

let failed = 0;
async function scenario(name, run) {
  if (process.env["ONLY"] && !new RegExp(process.env["ONLY"]).test(name)) return;
  try {
    const note = await run();
    console.log(`ok ${name}`);
    if (note) console.log(`   ${note}`);
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}: ${String(error?.stack ?? error).split("\n").slice(0, 4).join(" | ")}`);
  }
}

function expect(holds, what) {
  if (!holds) throw new Error(what);
}

/** The same of what took its time. */
function expectInTime(holds, what) {
  expect(holds || process.env["TIMES"] === "told", what);
}

const endpoint = await serve("--s3-dir", join(folder, "s3"));
const call = client(endpoint);
await build(call);
const busy = load(call, "orders", 200);
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--enable-precise-memory-info"],
});
const console_ = `${endpoint}/_headwater/console`;
const troubles = [];

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => troubles.push(`${error.message}`));
  page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
  page.on("request", (request) => !request.url().startsWith("http://127.0.0.1:") && troubles.push(`asked ${request.url()}`));
  return page;
}

/** What keeps somebody from using a page as it is now. */
async function faults(page) {
  const { violations } = await page.evaluate(`${axe};axe.run(document, {resultTypes: ["violations"]})`);
  return violations.map(({ id, impact, nodes }) => `${impact} ${id} ${nodes[0].html.slice(0, 90)}`);
}

const page = await open();
const visit = async (path) => {
  await page.goto(`${console_}#${path}`);
};
const dialog = () => page.locator("dialog[open]");

await scenario("the_overview_lists_what_there_is_and_its_plots_move", async () => {
  await visit("/");
  for (const name of ["orders", "carts", "raw-orders"]) await page.locator("main").getByRole("link", { name, exact: true }).waitFor();
  const put = page.locator(".plot", { hasText: "Kinesis" }).locator(".plot-now", { hasText: "put" }).locator("b");
  await until(async () => Number.parseFloat((await put.textContent()) ?? "") > 0, "a rate of puts");
  const drawn = () => page.locator(".plot canvas").first().evaluate((canvas) => canvas.toDataURL());
  const before = await drawn();
  await until(async () => (await drawn()) !== before, "a plot that moves");
});

await scenario("a_split_and_a_merge_redraw_the_map", async () => {
  await visit("/streams/orders");
  const drawn = () => page.locator(".shardmap canvas").evaluate((canvas) => canvas.toDataURL());
  await page.locator(".shard-row.list-row").first().click();
  const before = await drawn();
  const open = async () => Number(/(\d+) open/.exec(await page.locator(".section-aside").first().innerText())?.[1]);
  const count = await open();
  await page.getByRole("button", { name: "Split", exact: true }).click();
  await dialog().getByRole("button", { name: "Split" }).click();
  await until(async () => (await open()) === count + 1, "one more open shard");
  // What is drawn follows what is written by a frame.
  await until(async () => (await drawn()) !== before, "another map after a split");
  const split = await drawn();
  await page.locator(".shard-row.list-row").first().click();
  await page.getByRole("button", { name: "Merge", exact: true }).click();
  await dialog().getByRole("button", { name: "Merge" }).click();
  await until(async () => (await open()) === count, "as many open shards as before");
  await until(async () => (await drawn()) !== split, "another map after a merge");
});

await scenario("the_map_goes_by_keys", async () => {
  await visit("/streams/orders");
  await page.locator(".shardmap canvas").focus();
  for (const key of ["ArrowLeft", "ArrowUp", "+", "+", "-", "0", "ArrowRight"]) await page.keyboard.press(key);
  await page.locator(".chosen").waitFor();
});

await scenario("each_shard_shows_what_goes_in_and_out_of_it", async () => {
  await visit("/streams/orders");
  const row = page.locator(".shard-row.list-row").first();
  const put = row.locator("span.number").first();
  await until(async () => Number.parseFloat((await put.textContent()) ?? "") > 0, "a rate of puts");
  await row.click();
  await page.locator(".chosen").getByText(/[1-9][0-9.]* records\/s/).first().waitFor();
  await page.locator(".chosen").getByText("Iterator age").waitFor();
});

await scenario("the_overview_says_who_is_there", async () => {
  await visit("/");
  await page.getByText("One server, by itself.").waitFor();
  // Several are on Kafka; here what such a server tells is made up.
  const told = (await (await fetch(`${endpoint}/_headwater/metrics`)).text()).replace("# EOF", [["http://a:4566", "yes", 0], ["http://<b>:4566", "no", 1]].map(([node, self, leads]) =>
    `headwater_node_leads{node="${node}",self="${self}"} ${leads}\nheadwater_node_silence_seconds{node="${node}",self="${self}"} 0.5`).join("\n") + "\n# EOF");
  await page.route("**/_headwater/metrics", (route) => route.fulfill({ body: told, contentType: "text/plain" }));
  await page.getByLabel("Servers", { exact: true }).getByText("http://<b>:4566").waitFor();
  await page.locator("tr", { hasText: "http://a:4566" }).getByText("(this one)").waitFor();
  await page.locator("tr", { hasText: "<b>" }).getByText("leads").waitFor();
  await page.unroute("**/_headwater/metrics");
});

await scenario("a_refusal_is_told_in_the_services_words", async () => {
  await visit("/streams/quiet");
  await page.getByRole("button", { name: "Scale" }).click();
  await dialog().getByLabel("Open shards").fill("50");
  await dialog().getByRole("button", { name: "Scale" }).click();
  await dialog().getByText("UpdateShardCount cannot scale").or(dialog().locator(".problem")).first().waitFor();
  await page.keyboard.press("Escape");
  await visit("/streams/never");
  await page.getByText("Stream never under account 000000000000 not found.").waitFor();
  await visit("/nowhere");
  await page.getByText("There is no such page").waitFor();
});

await scenario("a_record_is_seen_within_200_ms_of_its_put", async () => {
  await visit("/streams/quiet/tail");
  await page.getByText("Nothing has come yet").waitFor();
  await page.waitForTimeout(600);
  // Noted in the page, as soon as it stands there.
  await page.evaluate(() => {
    globalThis.seen = {};
    new MutationObserver(() => {
      for (const line of document.querySelectorAll(".tail-row .line")) globalThis.seen[line.textContent] ??= Date.now();
    }).observe(document.querySelector("main"), { childList: true, subtree: true, characterData: true });
  });
  const delays = [];
  for (let nth = 0; nth < 15; nth++) {
    const text = `seen-${nth}`;
    await call("kinesis", "PutRecord", { StreamName: "quiet", PartitionKey: "k", Data: Buffer.from(text).toString("base64") });
    const put = Date.now();
    const seen = await until(() => page.evaluate((text) => globalThis.seen[text], text), text);
    delays.push(seen - put);
    await page.waitForTimeout(37 * (nth % 5));
  }
  delays.sort((one, other) => one - other);
  expectInTime(delays[7] <= 200, `half of the records took longer: ${delays} ms`);
  return `median ${delays[7]} ms, worst ${delays[14]} ms`;
});

await scenario("a_tail_filters_pauses_and_goes_on_where_it_was", async () => {
  const put = (data) => call("kinesis", "PutRecord", { StreamName: "quiet", PartitionKey: "k", Data: Buffer.from(data).toString("base64") });
  await put("needle one");
  await page.getByLabel("Filter").fill("NEEDLE");
  await page.locator(".tail-row .line", { hasText: "needle one" }).waitFor();
  await until(async () => (await page.locator(".tail-row .line").count()) === 1, "only what fits");
  await page.getByRole("button", { name: "Pause" }).click();
  await page.waitForTimeout(400);
  await put("needle two");
  await page.waitForTimeout(500);
  expect((await page.locator(".tail-row .line").count()) === 1, "nothing comes while it is paused");
  await page.getByRole("button", { name: "Go on" }).click();
  await page.locator(".tail-row .line", { hasText: "needle two" }).waitFor();
  await page.reload();
  expect((await page.getByLabel("Filter").inputValue()) === "NEEDLE", "the filter stands in the address");
});

await scenario("records_are_shown_as_what_they_are", async () => {
  const put = (data) => call("kinesis", "PutRecord", { StreamName: "quiet", PartitionKey: "k", Data: data.toString("base64") });
  await put(gzipSync('{"packed": [1]}'));
  await put(aggregate(["one", "two"]));
  await visit("/streams/quiet/tail?from=TRIM_HORIZON");
  await page.locator(".tail-row .line", { hasText: "gzip" }).click();
  await page.locator(".record pre", { hasText: '"packed"' }).waitFor();
  await page.getByLabel("Show as").selectOption("hex");
  await page.locator(".record pre", { hasText: "000000  1f 8b" }).waitFor();
  await page.getByLabel("Show as").selectOption("auto");
  await page.locator(".tail-row.list-row").first().click();
  await page.locator(".record pre", { hasText: "2 of 2" }).waitFor();
});

await scenario("a_tail_begins_at_a_time_or_a_sequence_number", async () => {
  const put = (data) => call("kinesis", "PutRecord", { StreamName: "quiet", PartitionKey: "k", Data: Buffer.from(data).toString("base64") });
  await page.waitForTimeout(1100);
  const time = new Date(Math.ceil(Date.now() / 1000) * 1000);
  await page.waitForTimeout(time.getTime() - Date.now() + 50);
  await put("after that");
  const { ShardId, SequenceNumber } = await put("here");
  await put("and on");
  const begins = async (lines) => {
    await page.getByRole("button", { name: "Begin anew" }).click();
    const shown = () => page.locator(".tail-row.list-row .line").allTextContents();
    await until(async () => (await shown()).join() === lines.join(), `${lines}`);
  };
  await visit("/streams/quiet/tail");
  await page.getByLabel("Begin with").selectOption("AT_TIMESTAMP");
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
  await page.getByLabel("Time", { exact: true }).fill(local);
  await begins(["and on", "here", "after that"]);
  await page.getByLabel("Begin with").selectOption("AT_SEQUENCE_NUMBER");
  await page.getByLabel("Shard", { exact: true }).selectOption(ShardId);
  await page.getByLabel("Sequence number").fill(SequenceNumber);
  await begins(["and on", "here"]);
  await page.reload();
  await until(async () => (await page.locator(".tail-row.list-row").count()) === 2, "the same, from the address");
});

/** Records in one, as the producer library writes them: magic, keys, records, MD5. */
function aggregate(texts) {
  const field = (number, bytes) => Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
  const records = texts.map((text) => field(3, Buffer.concat([Buffer.from([8, 0]), field(3, Buffer.from(text))])));
  const message = Buffer.concat([field(1, Buffer.from("k")), ...records]);
  return Buffer.concat([Buffer.from("f3899ac2", "hex"), message, createHash("md5").update(message).digest()]);
}

await scenario("what_means_harm_is_only_text", async () => {
  await visit("/streams/hostile/tail?from=TRIM_HORIZON");
  await until(async () => (await page.locator(".tail-row.list-row").count()) === 6, "all six");
  for (let nth = 0; nth < 6; nth++) {
    await page.locator(".tail-row.list-row").nth(nth).click();
    await page.locator(".record pre").waitFor();
  }
  await visit("/tables/carts?q=" + encodeURIComponent(JSON.stringify({ partition: HOSTILE.replaceAll("\u0000", "") })));
  await page.locator(".grid tbody button").first().click();
  await dialog().locator("textarea").waitFor();
  await page.keyboard.press("Escape");
  await visit(`/streams/${encodeURIComponent("<script>globalThis.hurt=1</script>")}`);
  await page.waitForTimeout(300);
  expect((await page.evaluate(() => globalThis.hurt)) === undefined, "a script of a record ran");
});

await scenario("items_are_asked_for_by_key_and_filter", async () => {
  await visit("/tables/carts");
  await page.getByLabel("customer").fill("bo");
  await page.getByRole("button", { name: "Query", exact: true }).click();
  await page.getByText("Query gave 20 of 20").waitFor();
  await page.getByRole("button", { name: "Add a filter" }).click();
  await page.getByLabel("Attribute").fill("total");
  await page.getByLabel("Is", { exact: true }).selectOption(">=");
  await page.getByLabel("Value").last().fill("200");
  await page.getByRole("button", { name: "Query", exact: true }).click();
  await page.getByText("Query gave 5 of 20").waitFor();
  await page.getByRole("button", { name: "Write the request yourself" }).click();
  expect((await page.locator("textarea").inputValue()).includes('"FilterExpression": "#n1 >= :v1"'), "the request is shown");
  await page.reload();
  await page.getByText("Query gave 5 of 20").waitFor();
});

await scenario("an_edit_shows_in_the_tables_changes_and_never_overwrites_anothers", async () => {
  const key = { customer: { S: "ann" }, placed: { N: "1764000000" } };
  const changes = await open();
  await changes.goto(`${console_}#/tables/carts/changes`);
  await changes.getByText("No change yet").waitFor();
  await changes.waitForTimeout(300);
  await visit("/tables/carts?q=" + encodeURIComponent(JSON.stringify({ partition: "ann" })));
  await page.locator(".grid tbody button").first().click();
  const area = dialog().locator("textarea");
  await area.fill((await area.inputValue()).replace('"total": 12.5', '"total": 99999999999999999999.125'));
  await dialog().getByRole("button", { name: "Save" }).click();
  await changes.getByText("total: 12.5 → 99999999999999999999.125").waitFor();
  await changes.context().close();
  const { Item } = await call("dynamodb", "GetItem", { TableName: "carts", Key: key });
  expect(Item.total.N === "99999999999999999999.125" && Item.labels.SS.length === 2, `types are kept: ${JSON.stringify(Item)}`);
  await page.locator(".grid tbody button").first().click();
  await area.fill((await area.inputValue()).replace('"open"', '"lost"'));
  await call("dynamodb", "UpdateItem", { TableName: "carts", Key: key, UpdateExpression: "SET #s = :s", ExpressionAttributeNames: { "#s": "state" }, ExpressionAttributeValues: { ":s": { S: "sent" } } });
  await dialog().getByRole("button", { name: "Save" }).click();
  await dialog().getByText("Somebody changed this item meanwhile").waitFor();
  await page.keyboard.press("Escape");
  expect((await call("dynamodb", "GetItem", { TableName: "carts", Key: key })).Item.state.S === "sent", "the other's change stands");
});

await scenario("an_item_is_put_once_and_deleted_when_asked_again", async () => {
  await visit("/tables/carts?q=" + encodeURIComponent(JSON.stringify({ partition: "zoe" })));
  const add = async () => {
    await page.getByRole("button", { name: "New item" }).click();
    await dialog().locator("textarea").fill('{"customer": "zoe", "placed": 7, "bytes": {"$binary": "AAE="}}');
    await dialog().getByRole("button", { name: "Save" }).click();
  };
  await add();
  await page.locator(".grid tbody button").waitFor();
  await add();
  await dialog().getByText("There is an item with this key already").waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".grid tbody button").first().click();
  await dialog().getByRole("button", { name: "Delete" }).click();
  await dialog().getByRole("button", { name: "Delete" }).click();
  await page.getByText("Nothing fits").waitFor();
});

await scenario("a_delivery_stream_says_what_it_has_done", async () => {
  await visit("/delivery/raw-orders");
  const read = page.locator("tr", { hasText: "Objects written" }).locator(".number");
  await until(async () => Number((await read.textContent())?.replaceAll(",", "")) > 0, "objects");
  await visit("/delivery/direct");
  await page.getByRole("button", { name: "Put a record" }).click();
  await dialog().getByRole("button", { name: "Put" }).click();
  await until(async () => (await page.locator("tr", { hasText: "Delivered" }).first().locator(".number").textContent()) === "1", "one delivered");
});

await scenario("a_consumer_comes_and_goes_and_a_stream_is_deleted_only_by_name", async () => {
  await visit("/streams/quiet/consumers");
  await page.getByRole("button", { name: "Register one" }).click();
  await dialog().getByLabel("Name").fill("audit");
  await dialog().getByRole("button", { name: "Register" }).click();
  await page.getByRole("cell", { name: "audit", exact: true }).waitFor();
  await page.getByRole("button", { name: "Deregister audit" }).click();
  await dialog().getByRole("button", { name: "Deregister" }).click();
  await page.getByText("No consumer is registered").waitFor();
  await page.getByRole("button", { name: "Delete" }).click();
  await dialog().getByRole("button", { name: "Delete for ever" }).click();
  await dialog().getByText("That is not the stream's name.").waitFor();
  await dialog().getByLabel("The stream's name").fill("quiet");
  await dialog().getByRole("button", { name: "Delete for ever" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await until(async () => (await page.locator(".side").getByRole("link", { name: "quiet" }).count()) === 0, "it is gone");
});

await scenario("settings_are_changed", async () => {
  await visit("/streams/hostile/settings");
  await page.getByRole("button", { name: "Change retention" }).click();
  await dialog().getByLabel("Hours").fill("48");
  await dialog().getByRole("button", { name: "Change" }).click();
  await page.getByText("48 hours").waitFor();
  await page.getByRole("button", { name: "Scale" }).click();
  await dialog().getByRole("button", { name: "Scale" }).click();
  await visit("/streams/hostile");
  await page.getByText("2 open, 1 closed").waitFor();
  await visit("/tables/carts/settings");
  const part = (name) => page.locator(".section", { has: page.getByRole("heading", { name }) });
  const turn = async (name, verb, field) => {
    await part(name).getByRole("button", { name: verb }).click();
    if (field) await dialog().getByRole("textbox").fill(field);
    await dialog().getByRole("button", { name: verb }).click();
    await part(name).locator(".badge", { hasText: verb === "Turn on" ? "enabled" : "disabled" }).waitFor();
  };
  await turn("Time to live", "Turn on", "expires");
  await part("Time to live").getByText("expires").waitFor();
  await turn("Stream of changes", "Turn off");
  await visit("/tables/carts/changes");
  await page.getByText("This table has no stream of changes").waitFor();
  await page.getByRole("link", { name: "Turn it on in the settings" }).click();
  await turn("Stream of changes", "Turn on");
});

await scenario("shortcuts_and_colours", async () => {
  await visit("/");
  await page.keyboard.press("?");
  await dialog().getByText("the overview").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.getByRole("heading", { name: "Settings and health" }).waitFor();
  await page.keyboard.press("t");
  expect((await page.locator("html").getAttribute("data-theme")) === "dark", "dark");
  await page.keyboard.press("t");
  await page.keyboard.press("/");
  await page.keyboard.type("cart");
  await until(async () => (await page.locator(".names li").count()) === 1, "one name");
});

/**
 * What the page's own thread was busy for at a stretch, at most, while `run` ran: time it had the processor, in
 * milliseconds, so that a busy machine tells the same as an idle one.
 */
async function longestTask(run) {
  await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline", "__metadata"] });
  await run();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const main = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid} ${tid}`));
  const tasks = traceEvents.filter(({ name, pid, tid, tdur }) => /RunTask$/.test(name) && tdur !== undefined && main.has(`${pid} ${tid}`));
  expect(tasks.length > 10, "no task was traced");
  return Math.round(Math.max(...tasks.map(({ tdur }) => tdur)) / 1000);
}
const heapMiB = () => page.evaluate(() => Math.round(performance.memory.usedJSHeapSize / 2 ** 20));

await scenario("five_thousand_shards_hold_up_nothing", async () => {
  await call("kinesis", "CreateStream", { StreamName: "wide", ShardCount: 5000 });
  await until(async () => (await call("kinesis", "DescribeStreamSummary", { StreamName: "wide" })).StreamDescriptionSummary.StreamStatus === "ACTIVE", "wide");
  const worst = await longestTask(async () => {
    await visit("/streams/wide");
    await page.getByText("5,000 open, 0 closed").waitFor();
    await page.locator(".shardmap canvas").focus();
    for (const key of ["ArrowRight", "ArrowRight", "+", "+", "+", "+", "ArrowRight", "-", "0"]) await page.keyboard.press(key);
    await page.locator(".virtual").evaluate((list) => (list.scrollTop = 100_000));
    await page.locator(".list-row", { hasText: "shardId-000000003571" }).waitFor();
  });
  const heap = await heapMiB();
  expectInTime(worst <= 100, `${worst} ms`);
  expect(heap < 100, `${heap} MiB`);
  return `longest task ${worst} ms, heap ${heap} MiB`;
});

await scenario("ten_thousand_records_a_second_hold_up_nothing", async () => {
  await busy.stop();
  await visit("/streams/orders/tail");
  await page.getByText("Nothing has come yet").waitFor();
  await page.waitForTimeout(1000);
  const flood = load(call, "orders", 10_000);
  await page.locator(".tail-row.list-row").first().waitFor();
  await page.waitForTimeout(1500);
  let speed;
  const worst = await longestTask(async () => {
    await page.waitForTimeout(5000);
    speed = await page.locator(".tail-facts b").first().textContent();
    await page.locator(".tail-row.list-row").nth(3).click();
    await page.locator(".record pre").waitFor();
  });
  const heap = await heapMiB();
  const put = await flood.stop();
  const count = async () => Number((await page.locator(".tail-facts span").nth(2).textContent()).replace(/\D/g, ""));
  await until(async () => (await count()) >= put, `all of ${put}`);
  const read = await count();
  expectInTime(worst <= 100, `${worst} ms`);
  expect(heap < 100, `${heap} MiB`);
  return `${speed} records/s, longest task ${worst} ms, heap ${heap} MiB, ${put} put, ${read} read`;
});

await scenario("the_door_lets_in_who_has_a_key", async () => {
  const file = join(folder, "credentials.toml");
  writeFileSync(file, '[[key]]\nid = "OWNER"\nsecret = "s1"\n[[key]]\nid = "READER"\nsecret = "s2"\nuser = "reader"\npolicy = \'{"Statement": {"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}}\'\n');
  const guarded = await serve("--credentials", file);
  const door = await open();
  // A refusal is told in the browser's console too.
  const before = troubles.length;
  await door.goto(`${guarded}/_headwater/console#/streams/none`);
  await door.getByLabel("Access key ID").fill("OWNER");
  await door.getByLabel("Secret access key").fill("wrong");
  await door.getByRole("button", { name: "Sign in" }).click();
  await door.getByText("There is no such access key").waitFor();
  await door.getByLabel("Secret access key").fill("s1");
  await door.keyboard.press("Enter");
  await door.getByText("Stream none under account 000000000000 not found.").waitFor();
  const [cookie] = await door.context().cookies();
  expect(cookie.httpOnly && cookie.sameSite === "Strict", "a cookie that no script reads");
  await door.getByRole("button", { name: "Sign out" }).click();
  await door.getByLabel("Access key ID").fill("READER");
  await door.getByLabel("Secret access key").fill("s2");
  await door.keyboard.press("Enter");
  await door.goto(`${guarded}/_headwater/console#/`);
  await door.getByText("is not authorized to perform: dynamodb:ListTables").first().waitFor();
  troubles.splice(before);
});

await scenario("a_delivery_stream_shows_what_waits_and_what_it_wrote_last", async () => {
  await visit("/delivery/raw-orders");
  await page.getByLabel("Last objects").getByText("raw/").first().waitFor();
  await page.getByText("of data").waitFor();
  expect((await page.getByLabel("Errors", { exact: true }).count()) === 0, "errors of one that has none");
});

await scenario("what_failed_is_only_text_and_is_put_in_again", async () => {
  const opened = async (name, wanted) => {
    await visit(`/delivery/${name}`);
    await page.getByLabel("Errors", { exact: true }).getByRole("link").first().click();
    await until(async () => (await page.locator(".failed-row.list-row").count()) === wanted, `${wanted} records of ${name}`);
    for (let nth = 0; nth < wanted; nth++) {
      await page.locator(".failed-row.list-row").nth(nth).click();
      await page.locator(".record pre").waitFor();
    }
    await page.getByText("DecompressionFailed").first().waitFor();
    const found = await faults(page);
    expect(found.length === 0, found.join("; "));
  };
  const again = async (text) => {
    await page.getByRole("button", { name: "Put all in again" }).click();
    await dialog().getByRole("button", { name: "Put in again" }).click();
    await page.getByText(text).waitFor();
  };
  await opened("failing", 5);
  await again("5 records were put in again.");
  await visit("/delivery/failing");
  await until(async () => (await page.getByLabel("Errors", { exact: true }).getByRole("link").count()) === 2, "that they failed once more");
  // What the address holds is enough, and what is not this delivery stream's is refused.
  const href = await page.getByLabel("Errors", { exact: true }).getByRole("link").last().getAttribute("href");
  await page.goto(`${console_}${href}`);
  await page.reload();
  await page.locator(".failed-row.list-row").first().waitFor();
  await page.getByLabel("Key of an object of errors").fill("../../etc/passwd");
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await page.getByText("is not the key of an object of errors of failing").waitFor();
  expect((await page.evaluate(() => globalThis.hurt)) === undefined, "a script of a record ran");
});

await scenario("a_record_of_ten_mebibytes_goes_back_into_its_stream", async () => {
  const { ShardIterator } = await call("kinesis", "GetShardIterator", { StreamName: "large", ShardId: "shardId-000000000000", ShardIteratorType: "LATEST" });
  await visit("/delivery/failing-large");
  const links = page.getByLabel("Errors", { exact: true }).getByRole("link");
  await links.first().click();
  await page.locator(".failed-row.list-row").first().click();
  await page.locator(".record pre", { hasText: "<i><i>" }).waitFor();
  await page.getByRole("button", { name: "Put all in again" }).click();
  await dialog().getByRole("button", { name: "Put in again" }).click();
  await page.getByText("1 record was put in again.").waitFor();
  const { Records } = await call("kinesis", "GetRecords", { ShardIterator });
  expect(Records.length === 1 && Records[0].Data.length > 13_000_000, "the record stands in the stream again");
});

const steps = () => page.locator(".run li");
const document_ = () => page.getByLabel("Document, YAML or JSON");

await scenario("a_workflow_is_checked_run_and_its_steps_are_seen", async () => {
  await visit("/workflows");
  await document_().fill("arazzo: 1.0.1\nworkflows: []\n");
  await page.getByLabel("Problems").getByText("line").first().waitFor();
  await page.getByRole("button", { name: "Take an example" }).click();
  await page.getByLabel("stream", { exact: true }).fill("orders");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText("succeeded").waitFor();
  await until(async () => (await steps().filter({ hasText: "done" }).count()) === 4, "the workflow and three steps");
  await page.getByLabel("Outputs of the workflow").getByText("aGVsbG8=").waitFor();
  await page.locator(".run summary").first().click();
  const found = await faults(page);
  expect(found.length === 0, found.join("; "));
  // A file does as well; what fails is told in the service's words.
  const file = { name: "w.yml", mimeType: "text/yaml", buffer: Buffer.from(workflow("operationId: DescribeStream", "payload: {StreamName: never}")) };
  await page.getByLabel("A file").setInputFiles(file);
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText("Stream never under account 000000000000 not found.").first().waitFor();
});

/** A workflow of one step. */
function workflow(operation, body, more = "") {
  return `arazzo: 1.0.1\ninfo: {title: t, version: "1"}\nsourceDescriptions:\n- {name: kinesis, url: ./k.yml, type: openapi}\nworkflows:\n- workflowId: w\n  steps:\n` +
    `  - stepId: one\n    ${operation}\n    requestBody: {${body}}\n${more}`;
}

await scenario("a_workflow_that_goes_on_is_stopped", async () => {
  await visit("/workflows");
  const again = "    successCriteria:\n    - condition: $statusCode == 299\n    onFailure:\n    - {name: again, type: retry, retryAfter: 0.2, retryLimit: 1000}\n";
  await document_().fill(workflow("operationId: ListStreams", "payload: {}", again));
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await until(async () => (await steps().count()) > 6, "some steps");
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("It was stopped.").waitFor();
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await until(async () => (await steps().count()) > 6, "that another may run");
  // Who leaves the page stops it, too.
  await visit("/");
  await visit("/workflows");
});

await scenario("a_workflow_that_means_harm_is_only_text", async () => {
  await visit("/workflows");
  const harm = JSON.stringify(HOSTILE);
  const document = workflow("operationId: GetRecords", `payload: {ShardIterator: ${harm}}`, `    outputs: {a: ${harm}}\n`).replace("workflowId: w", `workflowId: w\n  summary: ${harm}`);
  await document_().fill(document);
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByText("FAILED").or(page.getByText("failed")).first().waitFor();
  await document_().fill(HOSTILE.replaceAll("\u0000", "") + "\n".repeat(2000) + "- [");
  await page.getByLabel("Problems").getByText("line").first().waitFor();
  await document_().fill("x".repeat(300_000));
  await page.getByText("a document and its inputs are 256 KiB at most").waitFor();
  expect((await page.evaluate(() => globalThis.hurt)) === undefined, "a script of a workflow ran");
});

const PAGES = {
  overview: "/", shards: "/streams/orders", tail: "/streams/orders/tail?from=TRIM_HORIZON", consumers: "/streams/orders/consumers", stream: "/streams/orders/settings",
  items: "/tables/carts", changes: "/tables/carts/changes", table: "/tables/carts/settings", delivery: "/delivery/raw-orders", errors: "/delivery/failing", failures: "/delivery/failing/errors", workflows: "/workflows", settings: "/settings",
};
/** Colours and widths; pictures are taken of all, the first are enough to find faults. */
const LOOKS = [["light", 1280], ["dark", 420], ["dark", 1280], ["light", 420]];
await scenario("every_page_is_usable_by_everybody", async () => {
  const found = [];
  for (const [colorScheme, width] of pictures ? LOOKS : LOOKS.slice(0, 2)) {
    const one = await open({ colorScheme, viewport: { width, height: 860 } });
    for (const [name, path] of Object.entries(PAGES)) {
      await one.goto(`${console_}#${path}`);
      await one.locator("main h1").waitFor();
      await one.waitForTimeout(pictures ? 5000 : 400);
      if (pictures) {
        mkdirSync(pictures, { recursive: true });
        await one.screenshot({ path: join(pictures, `${name}-${colorScheme}-${width}.png`) });
      }
      found.push(...(await faults(one)).map((fault) => `${name} ${colorScheme} ${width}: ${fault}`));
      const wide = await one.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 1) found.push(`${name} ${width}: ${wide} px too wide`);
    }
    await one.context().close();
  }
  expect(found.length === 0, found.join("; "));
});

await scenario("the_browser_had_nothing_to_complain_of", async () => {
  const own = troubles.filter((text) => !/status of (400|413)/.test(text));
  expect(own.length === 0, own.join("; "));
});

await browser.close();
servers.forEach((server) => server.kill());
rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
process.exit(failed === 0 ? 0 : 1);
