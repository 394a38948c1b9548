/** The frozen numbers of the format that more than one module needs; SPEC gives the section. */

export const FORMAT_VERSION = 1;
/** SPEC 2.6: the largest rate index of a model. */
export const MAX_Q = 63;
/** SPEC 4.1: pixels of a latent position, each way. */
export const LATENT_STRIDE = 16;
/** SPEC 4.1: pixels of a hyper-latent position, each way; pictures are padded to multiples. */
export const HYPER_STRIDE = 64;

// SPEC 2.4, 2.7 and 3.4: checked before memory is reserved
export const MAX_SIDE = 2 ** 20 - 1;
/** Pixels of a picture, unless the caller raises it. */
export const MAX_PIXELS = 2 ** 28;
export const MAX_TILE = 2048;
export const MAX_TILES = 2 ** 16;
export const MAX_ANCILLARY_BYTES = 2 ** 24;
export const MAX_CRITICAL_BYTES = 2 ** 28;
/** Chunks before the tiles. */
export const MAX_CHUNKS = 64;

/** SPEC 3.8: pixels, the most of a preview's sides. */
export const PREVIEW_SIDE = 512;
/** SPEC 4.4: tables of a model. */
export const TABLE_COUNT = 64;
/** SPEC 4.1: largest magnitude of a symbol. */
export const SYMBOL_LIMIT = 2 ** 15 - 1;
/** SPEC 3.7: the largest L, and the largest magnitude of a coefficient. */
export const MAX_LIMITS = 2;
export const COEFFICIENT_LIMIT = 1000;

/** SPEC 5.7: a picture is decoded at 1/reduction of its size; users call it its scale. */
export type Reduction = 1 | 2 | 4 | 8;
