// Opens pages of a running Headroom in Chromium and notes everything that is wrong with them.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Starts the browser of `CHROMIUM`, or the first one in a usual place. */
export async function launch() {
  const executablePath = process.env.CHROMIUM || PLACES.find(existsSync);
  if (!executablePath) throw new Error("no browser found: install Chromium or name one in CHROMIUM");
  return chromium.launch({ executablePath, args: FLAGS });
}

/** What was wrong, on which page, seen how. */
export class Problems {
  list = [];

  add(where, kind, detail) {
    this.list.push({ where, kind, detail });
  }
}

/** A page whose console, network and security policy are watched. `where` names what is open at the moment. */
export class Watched {
  constructor(page, problems) {
    this.page = page;
    this.problems = problems;
    this.where = "";
    this.allowed = 0;
    page.setDefaultTimeout(60_000);
    page.on("pageerror", (error) => problems.add(this.where, "script", String(error)));
    page.on("console", (message) => {
      const expected = this.allowed && message.text().includes(`status of ${this.allowed}`);
      if (message.type() === "error" && !expected) problems.add(this.where, "console", message.text());
    });
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText ?? "unknown";
      // A download is a navigation that ends without a page.
      if (why !== "net::ERR_ABORTED") problems.add(this.where, "network", `${request.url()}: ${why}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400 && response.status() !== this.allowed)
        problems.add(this.where, "status", `${response.status()} ${response.url()}`);
    });
  }

  /** Opens a path; `status` is the expected one. */
  async open(path, status = 200) {
    this.allowed = status >= 400 ? status : 0;
    const response = await this.page.goto(path, { waitUntil: "load" });
    if (response.status() !== status) this.problems.add(this.where, "status", `${response.status()}, not ${status}`);
  }

  /** Title and one main heading, and nothing wider than the window. */
  async checkFrame() {
    const seen = await this.page.evaluate(() => ({
      title: document.title.trim(),
      headings: [...document.querySelectorAll("h1")].map((heading) => heading.textContent.trim()),
      wide: document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth,
      language: document.documentElement.lang,
      violations: window.policyViolations ?? [],
    }));
    if (!seen.title) this.problems.add(this.where, "title", "the page has no title");
    if (seen.headings.length !== 1 || !seen.headings[0])
      this.problems.add(this.where, "heading", `${seen.headings.length} main headings, not one`);
    if (seen.wide > 0) this.problems.add(this.where, "overflow", `${seen.wide} px wider than the window`);
    for (const violation of seen.violations) this.problems.add(this.where, "policy", violation);
  }

  /** Axe with the rules of WCAG 2.2 AA; on a second theme only contrast can differ. */
  async checkAccess(contrastOnly) {
    const found = await this.page.evaluate(async (contrastOnly) => {
      const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];
      const options = contrastOnly
        ? { runOnly: { type: "rule", values: ["color-contrast"] } }
        : { runOnly: { type: "tag", values: tags }, rules: { "target-size": { enabled: true } } };
      const { violations } = await window.axe.run(document, { ...options, resultTypes: ["violations"] });
      return violations.map(({ id, help, nodes }) => ({
        id,
        help,
        count: nodes.length,
        example: nodes[0].html.slice(0, 300),
        why: nodes[0].failureSummary,
      }));
    }, contrastOnly);
    for (const { id, help, count, example, why } of found)
      this.problems.add(this.where, `axe ${id}`, `${help}: ${count} places, first ${example} (${why})`);
  }
}

/** A new window on `base`: width, theme, with script or without. Axe is there before the page's own script. */
export async function open(browser, problems, { base, width, theme, script = true, storageState }) {
  const context = await browser.newContext({
    baseURL: base,
    viewport: { width, height: 900 },
    colorScheme: theme,
    reducedMotion: "reduce",
    javaScriptEnabled: script,
    acceptDownloads: true,
    storageState,
  });
  if (script) {
    await context.addInitScript({ content: readFileSync(AXE, "utf8") });
    await context.addInitScript(() => {
      window.policyViolations = [];
      document.addEventListener("securitypolicyviolation", (event) =>
        window.policyViolations.push(`${event.violatedDirective} blocked ${event.blockedURI}`),
      );
    });
  }
  return new Watched(await context.newPage(), problems);
}

/** Fills in the form of the sign-in page. */
export async function signIn(watched, email, password) {
  watched.where = "sign in";
  await watched.open("/sign-in");
  const { page } = watched;
  await page.getByLabel("Mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => url.pathname === "/");
}
