/** The bundled photos: what photos.json tells, and a card for each. */

import { make } from "./dom.ts";

export interface PhotoFile {
  file: string;
  bytes: number;
  made: string;
}

export interface Photo {
  name: string;
  title: string;
  alt: string;
  author: string;
  licence: string;
  link: string;
  width: number;
  height: number;
  files: { aec: PhotoFile; jpeg: PhotoFile; original: PhotoFile };
}

export interface Bundle {
  aecodec: string;
  jpeg: string;
  photos: Photo[];
}

const FOLDER = new URL("photos/", import.meta.url);

/** The address of a photo's file. */
export function addressOf(file: PhotoFile): string {
  return new URL(file.file, FOLDER).href;
}

/** What photos.json tells; null where the page comes without photos. */
export async function readBundle(): Promise<Bundle | null> {
  const response = await fetch(new URL("photos.json", FOLDER)).catch(() => null);
  return response?.ok ? ((await response.json()) as Bundle) : null;
}

/** Puts a button for each photo into a list. */
export function makeCards(
  list: HTMLElement,
  photos: Photo[],
  choose: (photo: Photo) => void,
): void {
  for (const photo of photos) {
    const image = make("img", "");
    image.src = addressOf(photo.files.jpeg);
    image.alt = "";
    const button = make("button", "card", image, make("span", "", photo.title));
    button.type = "button";
    button.dataset.photo = photo.name;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => choose(photo));
    list.append(make("li", "", button));
  }
}

/** Marks the card of the photo that is shown, if one is. */
export function markCard(list: HTMLElement, photo: Photo | null): void {
  for (const card of list.querySelectorAll<HTMLElement>(".card")) {
    card.setAttribute("aria-pressed", String(card.dataset.photo === photo?.name));
  }
}

/** Asks for every file once, for the service worker to keep. */
export async function keepPhotos(photos: Photo[]): Promise<void> {
  for (const photo of photos) {
    await Promise.all(Object.values(photo.files).map((file) => fetch(addressOf(file))));
  }
}
