/** What is told beside a picture: bytes, sizes, model, times, and who took it. */

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

/** Tells all of a picture, and what a bundled photo's other files are. */
export function showFacts(
  title: string,
  bytes: number,
  opened: Opened,
  photo: Photo | null,
  bundle: Bundle | null,
): void {
  element("facts-title").textContent = title;
  const { width, height, quality } = opened.info;
  showSizes(rowsOf(bytes, quality, photo), width * height);
  showDetails(opened);
  showCredit(photo, bundle);
  facts.hidden = false;
}

function rowsOf(bytes: number, quality: number, photo: Photo | null): Row[] {
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

function showDetails(opened: Opened): void {
  const { info, model, first, whole, started, threads } = opened;
  const fetching = model.seconds ? ` in ${seconds(model.seconds)}` : "";
  const whence = model.cached ? "from cache" : "fetched";
  const details = {
    Size: `${count(info.width)} × ${count(info.height)}, ${info.mode}`,
    Model: `${model.name}, ${size(model.bytes)}, ${whence}${fetching}`,
    ...(first === null ? {} : { "First picture": seconds(first) }),
    "Whole picture": seconds(whole) + (started ? ", with the decoder's start" : ""),
    Threads: String(threads),
  };
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
