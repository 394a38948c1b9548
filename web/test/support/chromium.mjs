/** Chromium, and pages in it. */

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { serve } from "./server.mjs";
import { MODELS, VECTORS, WEB } from "./paths.mjs";

const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"];

/** Throws, saying what is missing, where there is no Chromium. */
export async function startChromium() {
  const executablePath = PLACES.find((place) => place && existsSync(place));
  if (!executablePath) throw new Error("no Chromium is there: name one by the variable CHROMIUM");
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

export const FOLDERS = {
  dist: `${WEB}dist`,
  models: MODELS,
  vectors: VECTORS,
  support: `${WEB}test/support`,
};

/** A page on a server of its own, with the library as `aecodec` and helpers on its window. */
export async function openPage(browser, { isolated = false, pages = {} } = {}) {
  const html = "<!doctype html><title>aecodec</title><body></body>";
  const server = await serve({ folders: FOLDERS, pages: { "/": html, ...pages }, isolated });
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(`${server.origin}/`);
  await page.evaluate(async () => {
    window.aecodec = await import("/dist/index.js");
    window.models = "/models/";
    window.fetchBytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
    window.base64 = (data) => {
      let text = "";
      for (let at = 0; at < data.length; at += 32768) {
        text += String.fromCharCode(...data.subarray(at, at + 32768));
      }
      return btoa(text);
    };
    /** What became of a decode, as plain data. */
    window.outcome = async (promise) => {
      try {
        const { width, height, data, colorSpace } = await promise;
        return { width, height, colorSpace, data: base64(data) };
      } catch (error) {
        return { name: error.name, isAecError: error instanceof aecodec.AecError, message: error.message };
      }
    };
  });
  const close = async () => {
    await page.close();
    await server.close();
  };
  return { page, errors, origin: server.origin, close };
}

/** The image of an outcome, with its pixels as bytes. */
export function imageOf({ data, ...rest }) {
  return { ...rest, data: Buffer.from(data, "base64") };
}
