// Looks at every page of a running Headroom as people see it: two widths, two themes, with script and without.
// usage: HEADROOM_URL=… HEADROOM_EMAIL=… HEADROOM_PASSWORD=… node pages.mjs SCREENSHOTS
// Prints one JSON document; what is wrong is in its `problems`.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Problems, launch, open, signIn } from "./watch.mjs";
import { walk } from "./story.mjs";

/** Window widths in CSS pixels: a laptop, and the narrowest phone. */
const WIDTHS = [1280, 360];
const THEMES = ["light", "dark"];

/** Pages that are reached from a list: the first link of the list that starts so. */
const DETAILS = [
  ["forecast", "/forecasts", "/forecasts/cost/total"],
  ["forecast-of-demand", "/forecasts?kind=demand", "/forecasts/requests/"],
  ["budget", "/budgets", "/budgets/"],
  ["workload", "/capacity", "/capacity/workloads/"],
  ["scenarios", "/capacity/workloads/storefront%20web", "/capacity/scenarios/"],
  ["throughput", "/capacity/workloads/storefront%20web", "/capacity/throughput/"],
  ["driven", "/capacity", "/capacity/workloads/shop%20database"],
  ["storage", "/capacity", "/capacity/workloads/shop%20database%20storage"],
  ["calendar", "/capacity", "/capacity/calendar"],
  ["runbook", "/capacity/workloads/storefront%20web", "/capacity/runbooks/"],
  ["review", "/capacity/workloads/storefront%20web", "/capacity/reviews/"],
  ["event", "/capacity", "/capacity/events/"],
  ["purchase", "/recommendations", "/recommendations/purchase"],
  ["rightsizing", "/recommendations", "/recommendations/rightsize"],
  ["import", "/sources", "/sources/imports/"],
  ["run", "/runs", "/runs/"],
];
/** Pages without a place in the navigation. */
const OTHERS = [
  ["costs-compared", "/costs?group_by=team&compare=previous&period=last-90-days"],
  ["costs-empty", "/costs?include=service%3Anothing-is-called-so"],
  ["recommendations-empty", "/recommendations?status=dismissed"],
  ["trigger", "/capacity/policies/storefront%20web?trigger=CPU%20%3E%2070%20%25&policy=static-12"],
  ["trigger-refused", "/capacity/policies/storefront%20web?trigger=memory%20%3E%203"],
  ["advice", "/capacity/policies/storefront%20web?latency_ms=200&unserved_percent=0"],
  ["calendar-preview", "/capacity/calendar?days=de&multiplier=0.8"],
  ["reconciliation", "/sources/reconciliation"],
  ["help", "/help"],
  ["api", "/api/docs"],
  ["missing", "/there-is-no-such-page", 404],
];

const base = need("HEADROOM_URL");
const email = need("HEADROOM_EMAIL");
const password = need("HEADROOM_PASSWORD");
const folder = process.argv[2] ?? "target/screenshots";
mkdirSync(folder, { recursive: true });

const problems = new Problems();
const browser = await launch();
try {
  const { pages, storageState } = await findPages();
  for (const theme of THEMES) for (const width of WIDTHS) await look(pages, width, theme, storageState);
  await readWithoutScript(pages);
  const story = await tell(storageState);
  const names = pages.map((page) => page.name);
  console.log(JSON.stringify({ pages: names, views: WIDTHS.length * THEMES.length, story, problems: problems.list }));
} finally {
  await browser.close();
}

/** Signs in and collects what there is: the navigation, one page of each kind behind it, and the others. */
async function findPages() {
  const watched = await open(browser, problems, { base, width: 1280, theme: "light" });
  await signIn(watched, email, password);
  const pages = [{ name: "sign-in", path: "/sign-in", status: 200, signedOut: true }];
  const links = await watched.page.locator("nav[aria-label=Pages] a").all();
  for (const link of links) {
    const path = await link.getAttribute("href");
    pages.push({ name: path === "/" ? "overview" : path.slice(1), path, status: 200 });
  }
  for (const [name, list, start] of DETAILS) {
    watched.where = `link to ${name}`;
    await watched.open(list);
    const link = watched.page.locator(`main a[href^="${start}"]`).first();
    if (await link.count()) pages.push({ name, path: await link.getAttribute("href"), status: 200 });
    else problems.add(list, "link", `no link to ${start}`);
  }
  for (const [name, path, status = 200] of OTHERS) pages.push({ name, path, status });
  const storageState = await watched.page.context().storageState();
  await watched.page.context().close();
  return { pages, storageState };
}

/** Opens every page in one window size and theme, checks it and takes its picture. */
async function look(pages, width, theme, storageState) {
  const inside = await open(browser, problems, { base, width, theme, storageState });
  const outside = await open(browser, problems, { base, width, theme });
  for (const { name, path, status, signedOut } of pages) {
    const watched = signedOut ? outside : inside;
    watched.where = `${name} at ${width} px, ${theme}`;
    await watched.open(path, status);
    await watched.checkFrame();
    await watched.checkAccess(theme === "dark");
    await watched.page.screenshot({ path: join(folder, `${name}-${width}-${theme}.png`), fullPage: true });
  }
  await inside.page.context().close();
  await outside.page.context().close();
}

/** Everything can be read, and a form be sent, with scripts switched off. */
async function readWithoutScript(pages) {
  const watched = await open(browser, problems, { base, width: 1280, theme: "light", script: false });
  await signIn(watched, email, password);
  for (const { name, path, status } of pages) {
    watched.where = `${name} without script`;
    await watched.open(path, status);
    const heading = await watched.page.locator("h1").count();
    if (heading !== 1) problems.add(watched.where, "heading", `${heading} main headings, not one`);
  }
  watched.where = "costs form without script";
  await watched.open("/costs");
  await watched.page.getByLabel("Group by").selectOption("region");
  await watched.page.getByRole("button", { name: "Apply" }).click();
  await watched.page.waitForURL(/group_by=region/);
  await watched.page.locator("thead th", { hasText: "Region" }).first().waitFor();
  await watched.page.context().close();
}

/** The walk of a person; where it stops is a problem like the others. */
async function tell(storageState) {
  const watched = await open(browser, problems, { base, width: 1280, theme: "light", storageState });
  try {
    return await walk(watched);
  } catch (error) {
    problems.add(watched.where, "story", `${error.message} (at ${watched.page.url().replace(base, "")})`);
    return null;
  } finally {
    await watched.page.context().close();
  }
}

function need(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`pages: ${name} is not set`);
    process.exit(2);
  }
  return value;
}
