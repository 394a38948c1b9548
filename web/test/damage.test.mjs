/** Damaged files in Chromium: each is decoded or refused, none hangs, the page lives on. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkPixels } from "./support/compare.mjs";
import { imageOf, openPage, startChromium } from "./support/chromium.mjs";
import { manifest, requireModel } from "./support/paths.mjs";

const COUNT = 2000;
const AT_ONCE = 100;
/** Milliseconds for one file, beside other work. */
const LIMIT = 10000;
const WHOLE = /^(q-|filter-|preview-rgb|preview-gray|chunks-all|tiles-.x.-of-64|rgb-alpha-33|gray-33|escapes-noise)/;

test(`${COUNT} damaged files`, async (context) => {
  requireModel();
  const browser = await startChromium();
  context.after(() => browser.close());
  const { page, errors, close } = await openPage(browser);
  context.after(close);
  const names = manifest.valid.map(({ name }) => name).filter((name) => WHOLE.test(name));
  await page.evaluate(async (names) => {
    window.whole = await Promise.all(names.map((name) => fetchBytes(`/vectors/valid/${name}.aec`)));
    window.damage = await import("/support/damage.mjs");
    await aecodec.decode(whole[0], { models });
  }, names);
  const total = { decoded: 0, refused: 0, slowest: 0 };
  for (let first = 0; first < COUNT; first += AT_ONCE) {
    const results = await page.evaluate(decodeDamaged, [first, AT_ONCE]);
    for (const { n, text, isAecError, time } of results) {
      assert.ok(!text || isAecError, `file ${n}: ${text}`);
      assert.ok(!text?.startsWith("decoding failed"), `file ${n}: ${text}`);
      assert.ok(time < LIMIT, `file ${n}: ${time} ms`);
      total[text ? "refused" : "decoded"]++;
      total.slowest = Math.max(total.slowest, time);
    }
  }
  const { decoded, refused, slowest } = total;
  context.diagnostic(`${decoded} decoded, ${refused} refused, the slowest in ${Math.round(slowest)} ms`);
  assert.ok(decoded > COUNT / 20 && refused > COUNT / 4);
  const after = await page.evaluate(async () =>
    outcome(aecodec.decode(await fetchBytes("/vectors/valid/q-32.aec"), { models })),
  );
  checkPixels(imageOf(after), "q-32", manifest.valid[0]);
  assert.deepEqual(errors, []);
});

/** On the page: what became of files, one after the other. */
async function decodeDamaged([first, count]) {
  const results = [];
  for (let n = first; n < first + count; n++) {
    const { bytes, options } = damage.damaged(whole, n);
    const start = performance.now();
    const result = { n };
    await aecodec.decode(bytes, { models, ...options }).catch((error) => {
      result.text = `${error.name} ${error.message}`.replace(/^AecError /, "");
      result.isAecError = error instanceof aecodec.AecError;
    });
    results.push({ ...result, time: performance.now() - start });
  }
  return results;
}
