/**
 * Installs the service worker, by which the page works offline and gets threads on any server.
 *
 * Threads need the headers COOP and COEP on the page itself. Where the server sends none, the
 * service worker adds them, but only to a page that was loaded through it: so the first visit
 * loads the page once more.
 */

const LOADED_AGAIN = "aecodec-loaded-again";

/** Where there are no service workers the page goes on without. `busy`: nothing may be lost. */
export async function install(busy: () => boolean): Promise<void> {
  try {
    if (!navigator.serviceWorker) return;
    await navigator.serviceWorker.register(new URL("sw.js", import.meta.url));
    await navigator.serviceWorker.ready;
    if (crossOriginIsolated) {
      sessionStorage.removeItem(LOADED_AGAIN);
    } else if (!busy() && !sessionStorage.getItem(LOADED_AGAIN)) {
      sessionStorage.setItem(LOADED_AGAIN, "yes");
      location.reload();
    }
  } catch (error) {
    console.warn("no service worker:", error);
  }
}
