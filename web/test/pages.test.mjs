/** Pages: early pictures, canvases, images.js. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { FOLDERS, openPage, startChromium } from "./support/chromium.mjs";
import { exifOf, largerPicture, withChunk } from "./support/files.mjs";
import { MODELS, requireModel, valid } from "./support/paths.mjs";
import { serve } from "./support/server.mjs";

let browser;
const large = largerPicture(valid("tiles-3x2-of-128-rgb"), valid("preview-rgb"));
const turned = withChunk(large, "exif", exifOf(6));

before(async () => {
  requireModel();
  browser = await startChromium();
});

after(() => browser?.close());

test("large pictures are shown early: the preview, then 1/8, then the whole", async (context) => {
  const tab = await openPage(browser, { pages: { "/large.aec": Buffer.from(large) } });
  context.after(tab.close);
  const seen = await tab.page.evaluate(async () => {
    const bytes = await fetchBytes("/large.aec");
    const seen = [];
    const onEarly = ({ width, height }, scale) => seen.push([scale, width, height]);
    const progress = [];
    const onProgress = (done) => progress.push(done);
    const whole = await aecodec.decode(bytes, { models, onEarly, onProgress });
    const plain = await aecodec.decode(bytes, { models });
    const same = whole.data.every((value, n) => value === plain.data[n]);
    const rises = progress.every((done, n) => n === 0 || done >= progress[n - 1]);
    return { seen, size: [whole.width, whole.height], same, rises, last: progress.at(-1) };
  });
  assert.deepEqual(seen, {
    seen: [
      [31, 34, 24],
      [8, 128, 92],
    ],
    size: [1024, 736],
    same: true,
    rises: true,
    last: 2 * 1024 * 736,
  });
});

test("a canvas has its size from the first picture on", async (context) => {
  const tab = await openPage(browser, { pages: { "/large.aec": Buffer.from(turned) } });
  context.after(tab.close);
  const seen = await tab.page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    const sizes = [];
    const onEarly = () => sizes.push([canvas.width, canvas.height]);
    await aecodec.renderInto(canvas, await fetchBytes("/large.aec"), { models, onEarly });
    return [...sizes, [canvas.width, canvas.height]];
  });
  assert.deepEqual(seen, [
    [736, 1024],
    [736, 1024],
    [736, 1024],
  ]);
});

/** A page with the script of images.js, which takes the models beside it. */
const PAGE = `<!doctype html><script type="module" src="/dist/images.js"></script>
  <img id="early" alt="a hill" src="/large.aec?1"><img id="png" src="/vectors/valid/q-32.png">
  <img id="damaged" src="/vectors/invalid/4.4-words.aec">`;

/** dist/, with the models in it. */
function withModels(path) {
  const name = path.replace(/^\/dist\/models\//, MODELS);
  return name === path ? undefined : readFileSync(name);
}

/** Notes errors, and which URLs of PNG files are not given back. */
function noteEvents() {
  window.failed = [];
  window.alive = new Set();
  const create = URL.createObjectURL.bind(URL);
  const revoke = URL.revokeObjectURL.bind(URL);
  URL.createObjectURL = (blob) => {
    const url = create(blob);
    if (blob.type === "image/png") alive.add(url);
    return url;
  };
  URL.revokeObjectURL = (url) => {
    alive.delete(url);
    revoke(url);
  };
  const note = ({ target, error }) => error && failed.push([target.id, error.name]);
  addEventListener("error", note, true);
}

/** The page, and what it has said to the console. */
async function openImages(context) {
  const pages = { "/images.html": PAGE, "/large.aec": Buffer.from(turned) };
  const server = await serve({ folders: FOLDERS, pages });
  context.after(() => server.close());
  const page = await browser.newPage();
  context.after(() => page.close());
  const told = [];
  page.on("console", (message) => told.push(message.text()));
  await page.route("**/dist/models/**", (route) =>
    route.fulfill({ body: withModels(new URL(route.request().url()).pathname) }),
  );
  await page.addInitScript(noteEvents);
  await page.goto(`${server.origin}/images.html`);
  return { page, told };
}

/** The height of an image, once it has a width. */
async function heightOf(page, id, width) {
  const shown = ([id, width]) => {
    const image = document.getElementById(id);
    return image?.complete && image.naturalWidth === width && image.naturalHeight;
  };
  const handle = await page.waitForFunction(shown, [id, width], { timeout: 60000 });
  return handle.jsonValue();
}

test("images.js shows every image of a page, also those that come later", async (context) => {
  const { page, told } = await openImages(context);
  assert.equal(await heightOf(page, "early", 736), 1024);
  assert.equal(await heightOf(page, "png", 100), 75);
  await page.evaluate(() => {
    const box = document.createElement("p");
    box.innerHTML = '<img id="later" src="/vectors/valid/rgb-33x17.aec">';
    document.body.append(box);
  });
  assert.equal(await heightOf(page, "later", 33), 17);
  await page.evaluate(() => (document.getElementById("later").src = "/vectors/valid/q-0.aec"));
  assert.equal(await heightOf(page, "later", 100), 75);
  const state = await page.evaluate(() => {
    const { alt, dataset } = document.getElementById("early");
    return { alt, source: dataset.aec, failed, alive: alive.size };
  });
  const failed = [["damaged", "AecError"]];
  assert.deepEqual(state, { alt: "a hill", source: "/large.aec?1", failed, alive: 2 });
  assert.ok(
    told.some((text) => text.startsWith("aecodec: /vectors/invalid/4.4-words.aec: tile 0")),
  );
});

test("images.js lets go of images that have left the page, and takes no part in their errors", async (context) => {
  const { page } = await openImages(context);
  await page.evaluate(() => {
    const box = document.createElement("p");
    box.innerHTML = `<img id="own" src="/vectors/valid/q-32.aec" onerror="this.src='none.jpg'">`;
    document.body.append(box);
  });
  assert.equal(await heightOf(page, "own", 100), 75);
  const after = await page.evaluate(async () => {
    const image = document.getElementById("own");
    const { src } = image;
    image.remove();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const given = await fetch(src).then(
      () => false,
      () => true,
    );
    document.body.append(image);
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { given, failed: image.getAttribute("src") === "none.jpg" };
  });
  assert.deepEqual(after, { given: true, failed: false });
  assert.equal(await heightOf(page, "own", 100), 75);
});
