// What a person does: drill into costs, take the figures along, decide about an advice, announce an event and plan it.

import { readFileSync } from "node:fs";

/** Walks through all of it; throws with what was expected where. Returns the figures it compared. */
export async function walk(watched) {
  const costs = await exploreCosts(watched);
  const recommendation = await decide(watched);
  const event = await announce(watched);
  const planned = await planEvent(watched);
  return { costs, recommendation, event, planned };
}

async function exploreCosts(watched) {
  const { page } = watched;
  watched.where = "story: costs";
  await watched.open("/costs");
  const whole = await total(page);
  // A changed select applies at once.
  await page.getByLabel("Group by").selectOption("provider");
  await page.waitForURL(/group_by=provider/);
  expect((await total(page)) === whole, "grouping by provider changed the total");

  const row = page.locator("main > .scroll tbody tr").first();
  const name = await row.locator("th a").innerText();
  const cost = cents(await row.locator("td").first().innerText());
  await row.locator("th a").click();
  await page.waitForURL(/include=provider/);
  const drilled = await total(page);
  expect(drilled === cost, `drilled into ${name}: ${drilled} cents, not ${cost}`);

  await page.locator("select[name=add]").selectOption("exclude");
  await page.locator("select[name=dimension]").selectOption("service");
  const service = await page.locator("main > .scroll tbody th a").first().innerText();
  const without = cents(await page.locator("main > .scroll tbody tr").first().locator("td").first().innerText());
  await page.getByLabel("Value").fill(service);
  await page.getByRole("button", { name: "Add filter" }).click();
  await page.locator(".chip", { hasText: service }).waitFor();
  const filtered = await total(page);
  // Page totals are rounded one by one.
  expect(near(filtered, drilled - without, 1n), `without ${service}: ${filtered} cents, not ${drilled - without}`);

  const files = {};
  for (const link of ["CSV", "CSV over time"]) {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: link, exact: true }).click(),
    ]);
    files[link] = sumOfColumn(readFileSync(await download.path(), "utf8"), "cost");
    expect(files[link] === filtered, `${link} adds up to ${files[link]} cents, the page says ${filtered}`);
  }
  return { whole: String(whole), provider: name, drilled: String(drilled), filtered: String(filtered) };
}

async function decide(watched) {
  const { page } = watched;
  watched.where = "story: recommendation";
  await watched.open("/recommendations");
  const links = page.locator("main tbody th a[href^='/recommendations/']");
  // The last one: tests that run at the same time decide about the first.
  await links.last().click();
  const heading = await page.locator("h1").innerText();
  const status = page.locator(".head .sub");
  await page.getByRole("button", { name: "Accept" }).click();
  await status.filter({ hasText: /^\s*accepted/i }).waitFor();
  await page.getByRole("button", { name: "Undo the last decision" }).click();
  await status.filter({ hasText: /^\s*open/i }).waitFor();
  await page.locator("table .tag", { hasText: "undone" }).first().waitFor();
  return heading;
}

async function announce(watched) {
  const { page } = watched;
  watched.where = "story: event";
  await watched.open("/capacity");
  const name = "Walk of the browser test";
  const row = page.getByRole("row").filter({ hasText: name });
  await page.getByText("Add an event").click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Starts (UTC)").fill("2027-02-01T08:00");
  await page.getByLabel("Ends (UTC)").fill("2027-02-02T08:00");
  await page.getByLabel("Demand multiplies by").fill("1.75");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await row.waitFor();
  const shown = await row.innerText();
  expect(shown.includes("1.75"), `the event shows as ${shown}`);
  await row.getByRole("button", { name: `Delete ${name}` }).click();
  await row.waitFor({ state: "detached" });
  return name;
}

/** Announces a sale, sees what it takes, compares two scenarios on top of it and takes the schedule along. */
async function planEvent(watched) {
  const { page } = watched;
  const sale = "Walk: flash sale";
  const scenarios = ["Walk: twice the users", "Walk: app launch"];
  const steps = {};
  const row = (name) => page.getByRole("row").filter({ hasText: name });
  const cell = async (name, index) => (await row(name).first().locator("td").nth(index).innerText()).trim();
  const [PEAK, COST, ACT_BY] = [2, 5, 10];

  await step("announce a sale", async (click) => {
    await watched.open("/capacity");
    await click(page.getByText("Add an event"));
    await page.getByLabel("Name").fill(sale);
    await page.getByLabel("Starts (UTC)").fill("2026-11-20T12:00");
    await page.getByLabel("Ends (UTC)").fill("2026-11-20T18:00");
    await page.getByLabel("Demand multiplies by").fill("25");
    await click(page.getByRole("button", { name: "Add", exact: true }));
    await row(sale).waitFor();
  });
  const figures = await step("see what it takes", async (click) => {
    await click(page.getByRole("link", { name: "storefront web", exact: true }));
    await click(page.getByRole("link", { name: "Today’s events and scenarios" }));
    await row("With today’s events").first().waitFor();
    const [planned, today] = ["As the run planned", "With today’s events"];
    const peaks = [Number(await cell(planned, PEAK)), Number(await cell(today, PEAK))];
    expect(peaks[1] > peaks[0], `25 times the demand takes ${peaks[1]} instances, planned were ${peaks[0]}`);
    const costs = [cents(await cell(planned, COST)), cents(await cell(today, COST))];
    expect(costs[1] > costs[0], `25 times the demand costs ${costs[1]} cents, planned were ${costs[0]}`);
    expect((await cell(planned, ACT_BY)) === "" && (await cell(today, ACT_BY)) !== "", "no date to act by");
    const orders = await page.getByRole("region", { name: "Orders" }).innerText();
    expect(orders.includes("quota"), `the quota is not among what to order: ${orders}`);
    return { peaks, costs: costs.map(String) };
  });
  await step("save a scenario", async (click) => {
    await page.getByLabel("Name").fill(scenarios[0]);
    await page.getByRole("textbox", { name: "Value" }).fill("2");
    await click(page.getByRole("button", { name: "Save", exact: true }));
    await row(scenarios[0]).first().waitFor();
  });
  await step("compare it with another", async (click) => {
    await page.getByLabel("Name").fill(scenarios[1]);
    await page.locator("select[name=kind]").selectOption("launch");
    await page.getByRole("textbox", { name: "Value" }).fill("300");
    await page.getByLabel("From (UTC)").fill("2026-11-10T00:00");
    await click(page.getByRole("button", { name: "Save", exact: true }));
    await row(scenarios[1]).first().waitFor();
    const peaks = [await cell(scenarios[0], PEAK), await cell(scenarios[1], PEAK)].map(Number);
    expect(peaks[0] > peaks[1] && peaks[1] > figures.peaks[1], `peaks of the scenarios: ${peaks}`);
  });
  await step("take the schedule along", async (click) => {
    const link = page.getByRole("link", { name: "terraform", exact: true });
    const [download] = await Promise.all([page.waitForEvent("download"), click(link)]);
    const text = readFileSync(await download.path(), "utf8");
    expect(text.includes("aws_autoscaling_schedule"), `no schedule: ${text.slice(0, 200)}`);
  });
  await step("test a trigger", async (click) => {
    await watched.open("/capacity/workloads/storefront%20web");
    await page.getByLabel("Trigger").fill("requests > 500/s");
    await page.getByLabel("while the group follows").fill("static-6");
    await click(page.getByRole("button", { name: "Test it" }));
    const today = page.getByRole("region", { name: "Trigger" }).locator("tr", { hasText: "With today’s events" });
    const shortages = Number(await today.locator("td").first().innerText());
    expect(shortages > 0, "six instances are never short on Black Friday");
  });
  await step("ask for the cheapest policy", async (click) => {
    await click(page.getByRole("button", { name: "Find it" }));
    const tried = page.getByRole("region", { name: "Policies tried" });
    await tried.locator("tr", { hasText: "yes" }).first().waitFor();
    expect((await page.getByText("is the cheapest of these").count()) === 1, "the choice is not explained");
  });
  await step("read a load test", async (click) => {
    await watched.open("/capacity/workloads/storefront%20web");
    await click(page.getByRole("link", { name: "Throughput and latency" }));
    const summary = { metrics: { http_reqs: { rate: 240 }, http_req_duration: { "p(95)": 120 } } };
    const file = { name: "summary.json", mimeType: "application/json", buffer: Buffer.from(JSON.stringify(summary)) };
    await page.getByLabel("or choose the file").setInputFiles(file);
    await page.waitForFunction(() => document.querySelector("textarea[name=result]").value.includes("http_reqs"));
    await page.getByLabel("Number of instances that answered").fill("2");
    await click(page.getByRole("button", { name: "Read it" }));
    await page.getByText("120.0 requests/s for each instance").waitFor();
    await click(page.getByRole("link", { name: "Plan with the load test" }));
    await page.getByRole("heading", { name: "With these assumptions" }).waitFor();
  });
  await step("see what storage is to grow to", async (click) => {
    await watched.open("/capacity");
    await click(page.getByRole("link", { name: "shop database storage" }));
    await page.getByText("Storage does not boot, queue or shrink").first().waitFor();
    const shown = await page.locator("main").innerText();
    expect(shown.includes("lots of 10 GiB") && !shown.includes("Minutes short"), "storage is planned as machines are");
    await click(page.getByRole("link", { name: "Today’s events and scenarios" }));
    await page.getByRole("columnheader", { name: "Peak GiB" }).waitFor();
  });
  await step("add a country's holidays and take them back", async (click) => {
    await watched.open("/capacity");
    await click(page.getByRole("link", { name: "Add holidays or shopping days" }));
    await page.getByLabel("Demand multiplies by").fill("0.9");
    await click(page.getByRole("button", { name: "Preview" }));
    await click(page.getByRole("button", { name: /^Add \d+ days$/ }));
    await row("German Unity").first().waitFor();
    await click(page.getByRole("button", { name: /^Remove Public holidays of Germany/ }));
    await row("German Unity").first().waitFor({ state: "detached" });
  });
  await step("clear up", async () => {
    await watched.open("/capacity/scenarios/storefront%20web");
    for (const name of scenarios) {
      await page.getByRole("button", { name: `Delete ${name}` }).click();
      await row(name).first().waitFor({ state: "detached" });
    }
    await watched.open("/capacity");
    await row(sale).getByRole("button", { name: `Delete ${sale}` }).click();
    await row(sale).waitFor({ state: "detached" });
  });
  return { ...figures, clicks: steps };

  /** One step of the walk: at most five clicks. */
  async function step(name, act) {
    watched.where = `story: ${name}`;
    let clicks = 0;
    const result = await act(async (target) => {
      clicks += 1;
      await target.click();
    });
    expect(clicks <= 5, `${name} took ${clicks} clicks`);
    steps[name] = clicks;
    return result;
  }
}

/** The total below the table of costs, in cents. */
async function total(page) {
  return cents(await page.locator("main > .scroll tfoot td").first().innerText());
}

/** `$1,234.57` or `−$3.00` in cents. */
function cents(text) {
  const digits = text.replace(/[^0-9.]/g, "");
  expect(/^\d+\.\d\d$/.test(digits), `“${text}” is no amount`);
  const amount = BigInt(digits.replace(".", ""));
  return text.trim().startsWith("−") ? -amount : amount;
}

/** Sum of a column without quoted commas before it from the right, exact, then rounded to cents. */
function sumOfColumn(csv, column) {
  const [header, ...rows] = csv.trim().split(/\r?\n/);
  const fromRight = header.split(",").length - header.split(",").indexOf(column);
  const places = 20;
  let sum = 0n;
  for (const row of rows) {
    const [whole, fraction = ""] = row.split(",").at(-fromRight).replace("-", "").split(".");
    const value = BigInt(whole + fraction.padEnd(places, "0"));
    sum += row.split(",").at(-fromRight).startsWith("-") ? -value : value;
  }
  const unit = 10n ** BigInt(places - 2);
  const half = sum < 0n ? -unit / 2n : unit / 2n;
  return (sum + half) / unit;
}

function near(a, b, slack) {
  const apart = a > b ? a - b : b - a;
  return apart <= slack;
}

function expect(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}
