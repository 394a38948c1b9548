/** What is told beside a picture: bytes, sizes, model, times, and who took it. */

import type { Info } from "../src/index.ts";
import { element, make } from "./dom.ts";
import type { Opened } from "./opening.ts";
import type { Bundle, Photo } from "./photos.ts";
import { count, rate, seconds, size } from "./words.ts";

/** A row of the table: its name, its bytes, and how it was made. */
interface Row {
  name: string;
  bytes: number;
  made: string;
}

const facts = element("facts");

export function hideFacts(): void {
  facts.hidden = true;
}

/** Tells what a file says about itself, and what a bundled photo's other files are. */
export function showFacts(
  title: string,
  info: Info,
  photo: Photo | null,
  bundle: Bundle | null,
): void {
  element("facts-title").textContent = title;
  showSizes(rowsOf(info, photo), info.width * info.height);
  showList({ Size: sizeOf(info) });
  showCredit(photo, bundle);
  facts.hidden = false;
}

/** Tells how the picture was decoded, too. */
export function showOpened({ info, model, first, whole, started, threads }: Opened): void {
  const fetching = model.seconds ? ` in ${seconds(model.seconds)}` : "";
  const whence = model.cached ? "from cache" : "fetched";
  showList({
    Size: sizeOf(info),
    Model: `${model.name}, ${size(model.bytes)}, ${whence}${fetching}`,
    ...(first === null ? {} : { "First picture": seconds(first) }),
    "Whole picture": seconds(whole) + (started ? ", with the decoder's start" : ""),
    Threads: String(threads),
  });
}

function sizeOf({ width, height, mode, chunks }: Info): string {
  const alpha = chunks.some(({ type }) => type === "ALPH") ? " and alpha" : "";
  return `${count(width)} × ${count(height)}, ${mode}${alpha}`;
}

function rowsOf({ bytes, quality }: Info, photo: Photo | null): Row[] {
  const ours = { name: "aec", bytes, made: `quality ${quality} of 100` };
  if (!photo) return [ours];
  const { jpeg, original } = photo.files;
  return [
    ours,
    { name: "JPEG", bytes: jpeg.bytes, made: jpeg.made },
    { name: "Original", bytes: original.bytes, made: original.made },
  ];
}

function showSizes(rows: Row[], pixels: number): void {
  const most = Math.max(...rows.map((row) => row.bytes));
  const lines = rows.map((row) => {
    const head = make("th", "", row.name, make("small", "", row.made));
    head.scope = "row";
    const line = make(
      "tr",
      "",
      head,
      make("td", "", count(row.bytes)),
      make("td", "", rate((8 * row.bytes) / pixels)),
    );
    if (rows.length > 1) line.style.setProperty("--share", String(row.bytes / most));
    return line;
  });
  element("sizes").querySelector("tbody")?.replaceChildren(...lines);
}

function showList(details: Record<string, string>): void {
  const items = Object.entries(details).map(([term, text]) =>
    make("div", "", make("dt", "", term), make("dd", "", text)),
  );
  element("details").replaceChildren(...items);
}

function showCredit(photo: Photo | null, bundle: Bundle | null): void {
  const credit = element("credit");
  if (!photo || !bundle) {
    credit.replaceChildren();
    return;
  }
  const link = make("a", "", photo.author);
  link.href = photo.link;
  const ours = make("code", "", photo.files.aec.made);
  const jpeg = `JPEG by ${bundle.jpeg}.`;
  const by = ` (aecodec ${bundle.aecodec}). ${jpeg}`;
  credit.replaceChildren("Photo: ", link, `, ${photo.licence}. aec by `, ours, by);
}
