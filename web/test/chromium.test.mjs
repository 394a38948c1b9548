/** Decoding in Chromium, through the built worker. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { checkPixels } from "./support/compare.mjs";
import { imageOf, openPage, startChromium } from "./support/chromium.mjs";
import { manifest, MODELS, requireModel } from "./support/paths.mjs";
import { P3, SRGB } from "./support/profiles.mjs";

let browser;
let tab;

before(async () => {
  requireModel();
  browser = await startChromium();
  tab = await openPage(browser);
});

after(async () => {
  await tab?.close();
  await browser?.close();
});

/** Decodes a vector on a page. */
function decodeOn({ page }, name, options = {}) {
  return page.evaluate(
    async ([name, options]) =>
      outcome(aecodec.decode(await fetchBytes(`/vectors/${name}.aec`), { models, ...options })),
    [name, options],
  );
}

/** SHA-256 of y_r of a vector, as the worker tells who asks it by its messages. */
function symbolsOn({ page }, name, options = {}) {
  return page.evaluate(
    async ([name, options]) => {
      const bytes = await fetchBytes(`/vectors/${name}.aec`);
      window.symbolsWorker ??= new Worker("/dist/worker.js", { type: "module" });
      const base = new URL("/models/", location).href;
      const job = {
        kind: "symbols",
        scale: 1,
        maxPixels: 1e8,
        models: base,
        threads: 1,
        ...options,
      };
      return new Promise((resolve) => {
        symbolsWorker.onmessage = ({ data }) => {
          if (data.kind === "done") resolve(data.output);
          if (data.kind === "error") resolve(data.text);
        };
        symbolsWorker.postMessage({ id: 1, bytes, job });
      });
    },
    [name, options],
  );
}

for (const entry of manifest.valid) {
  test(`decoded: ${entry.name}`, async () => {
    const name = `valid/${entry.name}`;
    checkPixels(imageOf(await decodeOn(tab, name, { stored: true })), entry.name, entry);
    assert.equal(await symbolsOn(tab, name), entry.symbols_sha256);
    const wanted = entry.preview_symbols_sha256;
    if (!wanted) return;
    const preview = await decodeOn(tab, name, { stored: true, preview: true });
    checkPixels(imageOf(preview), `${entry.name}.preview`, entry);
    assert.equal(await symbolsOn(tab, name, { preview: true }), wanted);
  });
}

for (const { name, error } of manifest.invalid) {
  test(`refused: ${name}`, async () => {
    const result = await decodeOn(tab, `invalid/${name}`);
    assert.ok(result.isAecError, JSON.stringify(result).slice(0, 300));
    assert.ok(result.message.includes(error), `${result.message} does not say: ${error}`);
  });
}

test("the preview of a file whose preview is damaged is refused, the picture is not", async () => {
  const result = await decodeOn(tab, "valid/preview-damaged", { preview: true });
  assert.ok(result.isAecError && result.message.startsWith("the preview: "), result.message);
});

test("with two threads, on an isolated page, all is the same", async (context) => {
  const isolated = await openPage(browser, { isolated: true });
  context.after(isolated.close);
  assert.ok(await isolated.page.evaluate(() => crossOriginIsolated));
  for (const entry of manifest.valid.filter(({ name }) => /^(q|tiles|filter)/.test(name))) {
    const name = `valid/${entry.name}`;
    const image = imageOf(await decodeOn(isolated, name, { stored: true, threads: 2 }));
    checkPixels(image, entry.name, entry);
    assert.equal(await symbolsOn(isolated, name, { threads: 2 }), entry.symbols_sha256);
  }
});

test("decodes at the same time give each its own picture", async () => {
  const names = ["q-0", "q-32", "tiles-3x2-of-64-rgb", "gray-33x17"];
  const results = await tab.page.evaluate(
    async (names) =>
      Promise.all(
        names.map(async (name) =>
          outcome(aecodec.decode(await fetchBytes(`/vectors/valid/${name}.aec`), { models })),
        ),
      ),
    names,
  );
  results.forEach((result, n) => checkPixels(imageOf(result), names[n], manifest.valid[0]));
});

test("a damaged file beside a whole one spoils nothing", async () => {
  const [bad, good] = await tab.page.evaluate(async () => {
    const file = async (name) => fetchBytes(`/vectors/${name}.aec`);
    const [damaged, whole] = [await file("invalid/4.4-words"), await file("valid/q-32")];
    return Promise.all([damaged, whole].map((bytes) => outcome(aecodec.decode(bytes, { models }))));
  });
  assert.ok(bad.isAecError);
  checkPixels(imageOf(good), "q-32", manifest.valid[0]);
});

test("an abort rejects at once, whatever waits, and the rest goes on", async () => {
  const results = await tab.page.evaluate(async () => {
    const bytes = await fetchBytes("/vectors/valid/tiles-3x2-of-128-rgb.aec");
    const controllers = [0, 1, 2].map(() => new AbortController());
    const onProgress = () => controllers[0].abort();
    const decodes = [
      aecodec.decode(bytes, { models, signal: controllers[0].signal, onProgress }),
      aecodec.decode(bytes, { models, signal: controllers[1].signal }),
      aecodec.decode(bytes, { models, signal: controllers[2].signal }),
    ].map(outcome);
    controllers[1].abort();
    decodes.push(outcome(aecodec.decode(bytes, { models, signal: AbortSignal.abort() })));
    return (await Promise.all(decodes)).map(({ name, width }) => name ?? width);
  });
  assert.deepEqual(results, ["AbortError", "AbortError", 290, "AbortError"]);
});

test("progress rises to its total", async () => {
  const seen = await tab.page.evaluate(async () => {
    const bytes = await fetchBytes("/vectors/valid/tiles-3x2-of-128-rgb.aec");
    const seen = [];
    await aecodec.decode(bytes, { models, onProgress: (...both) => seen.push(both) });
    return seen;
  });
  assert.ok(seen.length > 6);
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a[0] - b[0]),
  );
  assert.ok(seen.every(([, total]) => total === seen[0][1]));
  assert.equal(seen.at(-1)[0], seen.at(-1)[1]);
});

test("a model that is not there, and a worker that is not, are told in words", async (context) => {
  const missing = await decodeOn(tab, "valid/q-0", { models: "/nowhere/" });
  assert.match(
    missing.message,
    new RegExp(`^model ${manifest.model} is not installed; none lies at http`),
  );
  const html = "<!doctype html><base href='/vectors/'>";
  const lost = await openPage(browser, { pages: { "/": html } });
  context.after(lost.close);
  await lost.page.route("**/worker.js", (route) => route.abort());
  const result = await decodeOn(lost, "valid/q-0");
  assert.ok(result.isAecError);
  assert.match(result.message, /^the worker failed: /);
  await lost.page.unroute("**/worker.js");
  checkPixels(imageOf(await decodeOn(lost, "valid/q-0")), "q-0", manifest.valid[0]);
});

test("a runtime that cannot be loaded is told, and loaded by the next decode", async (context) => {
  const lost = await openPage(browser);
  context.after(lost.close);
  await lost.page.route("**/*.wasm", (route) => route.abort());
  const result = await decodeOn(lost, "valid/q-0");
  assert.ok(result.isAecError);
  assert.match(result.message, /^the network hyper.onnx cannot be used: /);
  await lost.page.unroute("**/*.wasm");
  checkPixels(imageOf(await decodeOn(lost, "valid/q-0")), "q-0", manifest.valid[0]);
});

test("a wrong answer for a network is told, and not kept", async (context) => {
  const own = await openPage(browser);
  context.after(own.close);
  let asked = 0;
  await own.page.route("**/hyper.onnx", (route) =>
    asked++ ? route.continue() : route.fulfill({ body: "<html>", contentType: "text/html" }),
  );
  const found = await own.page.evaluate(async () => {
    const bytes = await fetchBytes("/vectors/valid/q-32.aec");
    const once = () => outcome(aecodec.decode(bytes, { models }));
    return [await once(), await once()];
  });
  assert.match(found[0].message, /hyper\.onnx is another file/);
  assert.equal(found[1].width, 100);
});

test("when a network fails, what waits behind it is done by another worker", async (context) => {
  const own = await openPage(browser);
  context.after(own.close);
  const junk = Buffer.from("no network");
  const facts = JSON.parse(readFileSync(`${MODELS}${manifest.model}/model.json`, "utf8"));
  for (const part of Object.values(facts.parts)) {
    Object.assign(part, { bytes: junk.length, sha256: createHash("sha256").update(junk).digest("hex") });
  }
  await own.page.route("**/bad/**", (route) => {
    const body = route.request().url().endsWith(".json") ? JSON.stringify(facts) : junk;
    setTimeout(() => void route.fulfill({ body }), 100);
  });
  const found = await own.page.evaluate(async () => {
    const bytes = await fetchBytes("/vectors/valid/q-32.aec");
    const abort = new AbortController();
    const bad = () => outcome(aecodec.decode(bytes, { models: "/bad/" }));
    const aborted = outcome(aecodec.decode(bytes, { models: "/bad/", signal: abort.signal }));
    const all = [aborted, outcome(aecodec.decode(bytes, { models })), bad()];
    abort.abort();
    return Promise.all([...all, outcome(aecodec.decode(bytes, { models }))]);
  });
  assert.equal(found[0].name, "AbortError");
  assert.match(found[2].message, /cannot be used/);
  assert.deepEqual([found[1].width, found[3].width], [100, 100]);
});

test("a page may load the library from another origin", async (context) => {
  const other = await openPage(browser);
  context.after(other.close);
  const [width, cached] = await other.page.evaluate(async (origin) => {
    const { decode } = await import(`${origin}/dist/index.js`);
    const bytes = await fetchBytes("/vectors/valid/q-0.aec");
    const { width } = await decode(bytes, { models: `${origin}/models/` });
    return [width, (await (await caches.open("aecodec-models")).keys()).length];
  }, tab.origin);
  assert.equal(width, 100);
  assert.equal(cached, 6);
});

test("what memory does not suffice for is refused, and spoils no other decode", async () => {
  const result = await tab.page.evaluate(async () => {
    const { takeApart, putTogether } = await import("/support/files.mjs");
    const parts = takeApart(await fetchBytes("/vectors/valid/payload-empty.aec"));
    new DataView(parts.header.buffer).setUint32(17, 2 ** 19);
    new DataView(parts.header.buffer).setUint32(21, 2 ** 19);
    parts.header[27] = 32;
    const tiles = Array.from({ length: 2 ** 16 }, () => ({
      type: "TILE",
      data: new Uint8Array(0),
    }));
    parts.chunks = [{ type: "TIDX", data: new Uint8Array(2 ** 18) }, ...tiles];
    return outcome(aecodec.decode(putTogether(parts), { models, maxPixels: 2 ** 38 }));
  });
  assert.deepEqual(result, {
    name: "AecError",
    isAecError: true,
    message: "out of memory: there is too little for this picture",
  });
  checkPixels(imageOf(await decodeOn(tab, "valid/q-0")), "q-0", manifest.valid[0]);
});

test("a PNG file shows in the browser the pixels that decode gives", async () => {
  const results = await tab.page.evaluate(async () => {
    const bytes = await fetchBytes("/vectors/valid/q-32.aec");
    const image = await aecodec.decode(bytes, { models });
    const bitmap = await createImageBitmap(await aecodec.toPng(bytes, { models }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    return [image.data, context.getImageData(0, 0, image.width, image.height).data].map(base64);
  });
  assert.equal(results[0], results[1]);
});

test("a canvas gets the picture and its size, turned", async () => {
  const [width, height, pixels, expected] = await tab.page.evaluate(async () => {
    const { withChunk, exifOf } = await import("/support/files.mjs");
    const bytes = withChunk(await fetchBytes("/vectors/valid/rgb-33x17.aec"), "exif", exifOf(6));
    const canvas = document.createElement("canvas");
    await aecodec.renderInto(canvas, bytes, { models });
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return [
      canvas.width,
      canvas.height,
      base64(data),
      base64((await aecodec.decode(bytes, { models })).data),
    ];
  });
  assert.deepEqual([width, height], [17, 33]);
  assert.equal(pixels, expected);
});

/** A vector with a profile, as a canvas gets it and as it is stored. */
function withProfile(primaries, options) {
  return tab.page.evaluate(
    async ([primaries, options]) => {
      const { withChunk } = await import("/support/files.mjs");
      const { profileOf } = await import("/support/profiles.mjs");
      const file = await fetchBytes("/vectors/valid/rgb-alpha-33x17.aec");
      const bytes = withChunk(file, "iccp", profileOf(primaries, options));
      const both = [{ models }, { models, stored: true }];
      return Promise.all(both.map((each) => outcome(aecodec.decode(bytes, each))));
    },
    [primaries, options],
  );
}

test("colours of a profile that canvases have stay as they are", async () => {
  for (const [primaries, colorSpace] of [
    [SRGB, "srgb"],
    [P3, "display-p3"],
  ]) {
    const [seen, stored] = await withProfile(primaries, {});
    assert.equal(seen.colorSpace, colorSpace);
    assert.equal(seen.data, stored.data);
  }
});

test("colours of another profile are converted by the browser, alpha stays", async () => {
  const [seen, stored] = (await withProfile(P3, { gamma: true })).map(imageOf);
  assert.equal(seen.colorSpace, "display-p3");
  const linear = (x) => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
  seen.data.forEach((value, n) => {
    const before = stored.data[n];
    if (n % 4 === 3) return assert.equal(value, before);
    const [wanted, got] = [(before / 255) ** (2 + 51 / 256), linear(value / 255)];
    assert.ok(Math.abs(wanted - got) < 0.006, `${before} became ${value}`);
  });
  assert.notDeepEqual(seen.data, stored.data);
});

test("no page has met an error that nobody caught", () => assert.deepEqual(tab.errors, []));
