/** The demo page: opens a photo or a file, shows it beside others, and tells about it. */

import { toPng, type Info } from "../src/index.ts";
import { element } from "./dom.ts";
import { hideFacts, showFacts, showOpened } from "./facts.ts";
import { listen } from "./hands.ts";
import { models } from "./model.ts";
import { install } from "./offline.ts";
import { open, type Watcher } from "./opening.ts";
import { addressOf, keepPhotos, makeCards, markCard, readBundle } from "./photos.ts";
import type { Bundle, Photo } from "./photos.ts";
import { clear, setZoom, showOther, showPicture, type Zoom } from "./view.ts";
import { seconds, size } from "./words.ts";

/** What is open, or on its way. */
interface Open {
  name: string;
  photo: Photo | null;
  bytes: Uint8Array | null;
}

const controls = ["beside", "zoom"].map((id) => element<HTMLFieldSetElement>(id));
const save = element<HTMLButtonElement>("save");
const progress = element<HTMLProgressElement>("progress");
const cards = element("photos");

let bundle: Bundle | null = null;
let current: Open | null = null;
let work = new AbortController();

/** Fetches or reads bytes, shows them as a picture; what goes wrong is told in its place. */
async function show(name: string, photo: Photo | null, read: () => Promise<ArrayBuffer>) {
  work.abort();
  work = new AbortController();
  const { signal } = work;
  const opening: Open = (current = { name, photo, bytes: null });
  begin(opening);
  try {
    const bytes = new Uint8Array(await read());
    signal.throwIfAborted();
    const opened = await open(bytes, watch(opening, signal), signal);
    opening.bytes = bytes;
    save.disabled = false;
    showOpened(opened);
    say(`${name}: decoded in ${seconds(opened.whole)}.`);
  } catch (error) {
    if (!signal.aborted) fail(name, error);
  } finally {
    if (!signal.aborted) progress.hidden = true;
  }
}

function begin({ name, photo }: Open): void {
  clear();
  hideFacts();
  markCard(cards, photo);
  element("stage").classList.remove("empty");
  element("invitation").hidden = element("error").hidden = true;
  for (const control of controls) control.disabled = true;
  save.disabled = true;
  element("beside").hidden = !photo;
  move(null);
  say(`Opening ${name} …`);
}

function watch({ name, photo }: Open, signal: AbortSignal): Watcher {
  let told: Info;
  return {
    onInfo: (info) => {
      told = info;
      showFacts(photo?.title ?? name, info, photo, bundle);
    },
    onModel: (done, total) => {
      if (signal.aborted) return;
      move(done < total ? done / total : null);
      say(done < total ? `Fetching the model, ${size(total)} …` : "Decoding …");
    },
    onDecoded: (done, total) => {
      if (!signal.aborted) move(done / total);
    },
    onPicture: (image, whole) => {
      const full = whole ? image : wholeSize(told, image);
      showPicture(image, full, photo?.alt ?? name);
      for (const control of controls) control.disabled = control.id === "beside" && !photo;
      compare();
    },
  };
}

/** The size a picture will have, turned where the early one is. */
function wholeSize(info: Info, early: ImageData): { width: number; height: number } {
  const { width, height } = info;
  const turned = width > height !== early.width > early.height && width !== height;
  return turned ? { width: height, height: width } : { width, height };
}

/** Puts on the other side what is chosen. */
function compare(): void {
  const photo = current?.photo;
  const chosen = document.querySelector<HTMLInputElement>("[name=beside]:checked")?.value;
  if (!photo || chosen === "nothing") {
    showOther(null, "", "");
    return;
  }
  const file = chosen === "jpeg" ? photo.files.jpeg : photo.files.original;
  const name = chosen === "jpeg" ? "JPEG" : "Original";
  const { bytes } = photo.files.aec;
  showOther(addressOf(file), `aec ${size(bytes)}`, `${name} ${size(file.bytes)}`);
}

function fail(name: string, error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  clear();
  hideFacts();
  for (const control of controls) control.disabled = true;
  element("stage").classList.add("empty");
  const place = element("error");
  place.textContent = `${name} cannot be shown: ${reason.replace(/\.$/, "")}.`;
  place.hidden = false;
  say("");
}

/** The bar: a share that is done, or null while none is known. */
function move(share: number | null): void {
  progress.hidden = false;
  if (share === null) progress.removeAttribute("value");
  else progress.value = share;
}

function say(text: string): void {
  const status = element("status");
  if (status.textContent !== text) status.textContent = text;
}

async function saveAsPng(): Promise<void> {
  const saved = current;
  const { name, bytes } = saved ?? {};
  if (!name || !bytes) return;
  save.disabled = true;
  say("Making the PNG …");
  try {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await toPng(bytes, { models }));
    link.download = `${name.replace(/\.aec$/i, "")}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    if (current === saved) say(`${link.download} is saved.`);
  } catch (error) {
    if (current === saved) {
      say(`The PNG cannot be made: ${error instanceof Error ? error.message : error}.`);
    }
  } finally {
    if (current === saved) save.disabled = false;
  }
}

function showFile(file: File | undefined): void {
  if (file) void show(file.name, null, () => file.arrayBuffer());
}

function showPhoto(photo: Photo): void {
  const address = addressOf(photo.files.aec);
  void show(photo.files.aec.file, photo, async () => {
    const response = await fetch(address);
    if (!response.ok) throw new Error("it is not on this server");
    return response.arrayBuffer();
  });
}

/** A file may be dropped anywhere. */
function listenForDrops(): void {
  const mark = (on: boolean) => document.body.classList.toggle("dropping", on);
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(false);
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    showFile(event.dataTransfer?.files[0]);
  });
}

function listenToControls(): void {
  const file = element<HTMLInputElement>("file");
  file.addEventListener("change", () => {
    showFile(file.files?.[0]);
    file.value = ""; // the same file may be chosen again
  });
  element("beside").addEventListener("change", compare);
  element("zoom").addEventListener("change", (event) => {
    setZoom((event.target as HTMLInputElement).value as Zoom);
  });
  save.addEventListener("click", () => void saveAsPng());
}

async function start(): Promise<void> {
  listen();
  listenForDrops();
  listenToControls();
  bundle = await readBundle();
  if (bundle) {
    makeCards(cards, bundle.photos, showPhoto);
  } else {
    element("photos-title").hidden = true;
    element("invitation").textContent = "Open an .aec file";
  }
  await install(() => current !== null);
  if (bundle && navigator.serviceWorker?.controller) await keepPhotos(bundle.photos);
}

await start();
