/**
 * The page in Chromium, from a plain static server.
 *
 * AECODEC_DEMO names a folder with photos/ and models/, by default web/site; the page is built into a
 * copy of it.
 */

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, extname, join, normalize } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { buildDemo } from "./build.mjs";

const MATERIAL = process.env.AECODEC_DEMO ?? fileURLToPath(new URL("../site", import.meta.url));
const CHROMIUM = findChromium();
const MISSING =
  (!existsSync(join(MATERIAL, "photos", "photos.json")) && "AECODEC_DEMO has no photos") ||
  (!CHROMIUM && "no Chromium on PATH");
const TYPES = {
  ".html": "text/html",
  ".css": "text/css",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};
const DECODED = { timeout: 60_000 };

function findChromium() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
}

/** A server of files that sends no header but the type; close() also ends its connections. */
function serve(folder) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const name = normalize(pathname).replace(/\/$/, "/index.html");
    try {
      const body = await readFile(join(folder, name));
      response.setHeader("content-type", TYPES[extname(name)] ?? "application/octet-stream");
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "localhost", () => resolve(server)));
}

describe("the demo page", { skip: MISSING }, () => {
  let folder, server, browser, address;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "aecodec-demo-"));
    await cp(MATERIAL, folder, { recursive: true });
    await buildDemo(folder);
    server = await serve(folder);
    address = `http://localhost:${server.address().port}/`;
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    browser = await chromium.launch({ executablePath: CHROMIUM, args });
  });

  after(async () => {
    await browser?.close();
    server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A page, loaded, in a browser that has never seen it; errors on the page end the test. */
  async function visit(options = {}) {
    const viewport = { width: 1280, height: 800 };
    const context = await browser.newContext({ viewport, ...options });
    const page = await context.newPage();
    page.on("pageerror", (error) => assert.fail(error));
    await page.goto(address);
    await page.waitForSelector(".card");
    return page;
  }

  /** Waits until the first visit has loaded the page again through the service worker. */
  async function settled(page) {
    await page.waitForFunction(() => crossOriginIsolated);
    await page.waitForSelector(".card");
  }

  async function choose(page, name) {
    await page.click(`[data-photo=${name}]`);
    await page.waitForSelector("#save:enabled", DECODED);
  }

  const divider = (page) => page.getAttribute("#wipe", "aria-valuenow").then(Number);

  test("the first visit loads twice, then threads are there and it stays", async () => {
    const page = await visit();
    let loads = 0;
    page.on("load", () => loads++);
    await settled(page);
    await page.reload();
    await page.waitForTimeout(500);
    assert.equal(await page.evaluate(() => crossOriginIsolated), true);
    assert.ok(loads <= 2, `${loads} loads`);
    await page.context().close();
  });

  test("choosing a photo shows it and tells about it", async () => {
    const page = await visit();
    await settled(page);
    await choose(page, "coffee");
    const listed = JSON.parse(await readFile(join(folder, "photos", "photos.json"), "utf-8"));
    const coffee = listed.photos.find((photo) => photo.name === "coffee");
    const drawn = await page.evaluate(() => {
      const canvas = document.querySelector("#ours canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return { width: canvas.width, height: canvas.height, levels: new Set(data).size };
    });
    assert.deepEqual([drawn.width, drawn.height], [coffee.width, coffee.height]);
    assert.ok(drawn.levels > 100, "a photo, not a flat area");
    const bytes = await page.locator("#sizes tbody td:nth-of-type(1)").allInnerTexts();
    const { aec, jpeg, original } = coffee.files;
    const expected = [aec, jpeg, original].map((file) => file.bytes.toLocaleString("en"));
    assert.deepEqual(bytes, expected);
    assert.match(await page.innerText("#details"), /Threads\s+[1-4]/);
    assert.equal(await page.getAttribute("[data-photo=coffee]", "aria-pressed"), "true");
    await page.context().close();
  });

  test("the divider moves by keyboard and by pointer", async () => {
    const page = await visit();
    await settled(page);
    await choose(page, "coffee");
    assert.equal(await divider(page), 50);
    await page.focus("#wipe");
    await page.keyboard.press("ArrowRight");
    assert.equal(await divider(page), 52);
    await page.keyboard.press("Shift+ArrowLeft");
    assert.equal(await divider(page), 42);
    await page.keyboard.press("Home");
    assert.equal(await divider(page), 0);
    const box = await page.locator("#sheet").boundingBox();
    await page.mouse.click(box.x + 0.75 * box.width, box.y + box.height / 2);
    assert.equal(await divider(page), 75);
    await page.check("[name=beside][value=nothing]", { force: true });
    assert.equal(await page.isVisible("#wipe"), false);
    await page.context().close();
  });

  test("at 1:1 pixels are whole and keys move the picture", async () => {
    const page = await visit({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2.5 });
    await settled(page);
    await choose(page, "coffee");
    await page.check("[name=zoom][value=actual]", { force: true });
    const before = await page.locator("#sheet").boundingBox();
    const canvas = await page.evaluate(() => document.querySelector("#ours canvas").width);
    assert.ok(Math.abs((before.width * 2.5) / canvas - 3) < 0.01, "3 of the screen for each");
    await page.focus("#stage");
    await page.keyboard.press("ArrowRight");
    const moved = await page.locator("#sheet").boundingBox();
    assert.ok(Math.abs(before.x - moved.x - 40) < 0.5);
    await page.context().close();
  });

  test("a damaged file is one sentence where the picture would be", async () => {
    const page = await visit();
    await settled(page);
    const bytes = await readFile(join(folder, "photos", "coffee.aec"));
    bytes.fill(255, 100, 120);
    await page.evaluate((text) => {
      const held = new DataTransfer();
      const data = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      held.items.add(new File([data], "broken.aec"));
      const init = { dataTransfer: held, bubbles: true, cancelable: true };
      document.body.dispatchEvent(new DragEvent("drop", init));
    }, bytes.toString("base64"));
    await page.waitForSelector("#error:not([hidden])", DECODED);
    const text = await page.innerText("#error");
    assert.match(text, /^broken\.aec cannot be shown: \w.*\w\.$/);
    assert.equal(await page.isVisible("#sheet"), false);
    await choose(page, "coffee");
    assert.equal(await page.isVisible("#error"), false);
    await page.context().close();
  });

  test("a file alone is a picture with nothing beside it, and saved as PNG", async () => {
    const page = await visit();
    await settled(page);
    await page.setInputFiles("#file", join(folder, "photos", "coffee.aec"));
    await page.waitForSelector("#save:enabled", DECODED);
    assert.equal(await page.isVisible("#wipe"), false);
    assert.equal(await page.isVisible("#beside"), false);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
    assert.equal(download.suggestedFilename(), "coffee.png");
    const saved = await readFile(await download.path());
    assert.equal(saved.subarray(1, 4).toString(), "PNG");
    await page.context().close();
  });

  test("it loads and decodes again without its server", async () => {
    const own = await serve(folder);
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`http://localhost:${own.address().port}/`);
    await settled(page);
    await choose(page, "coffee");
    own.close();
    own.closeAllConnections();
    await page.reload();
    await settled(page);
    await choose(page, "coffee");
    assert.match(await page.innerText("#details"), /from cache/);
    await context.close();
  });

  test("a new page takes over from an old one, whose cache goes", async () => {
    const context = await browser.newContext();
    const visitOnce = async () => {
      const page = await context.newPage();
      await page.goto(address);
      await settled(page);
      const names = await page.evaluate(() => caches.keys());
      // The browser asks for a new service worker by itself, but some time after the page is there.
      await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
      await page.waitForTimeout(300);
      await page.close();
      return names;
    };
    const [old, ...none] = await visitOnce();
    assert.deepEqual(none, []);
    await writeFile(join(folder, "more.txt"), "new");
    await buildDemo(folder);
    let names = await visitOnce();
    for (let visits = 0; names.includes(old) && visits < 5; visits++) names = await visitOnce();
    assert.equal(names.length, 1);
    assert.notEqual(names[0], old);
    await context.close();
  });

  test("what is not the page's comes from its server, and without the page's headers", async () => {
    const page = await visit();
    await settled(page);
    const other = join(folder, "other.txt");
    const read = () =>
      page.evaluate(async () => {
        const response = await fetch("other.txt");
        return [await response.text(), response.headers.has("cross-origin-opener-policy")];
      });
    for (const text of ["once", "again"]) {
      await writeFile(other, text);
      assert.deepEqual(await read(), [text, false]);
    }
    await page.context().close();
  });

  test("it works without service workers, with one thread", async () => {
    const page = await visit({ serviceWorkers: "block" });
    await choose(page, "coffee");
    assert.match(await page.innerText("#details"), /Threads\s+1$/);
    await page.context().close();
  });

  test("a phone scrolls in one direction only", async () => {
    const viewport = { width: 390, height: 844 };
    const page = await visit({ viewport, isMobile: true, hasTouch: true, deviceScaleFactor: 3 });
    await settled(page);
    const width = () => page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(await width(), 390);
    await choose(page, "coffee");
    assert.equal(await width(), 390);
    await page.context().close();
  });
});
