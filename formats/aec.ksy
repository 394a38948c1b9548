meta:
  id: aec
  title: aecodec picture
  file-extension: aec
  license: Apache-2.0
  ks-version: 0.9
  endian: be
doc: |
  The container of an .aec file, version 1: header, chunks, tile index. SPEC.md beside this file leads;
  the doc-refs are its sections. Not expressed here: the CRCs, how often and where a chunk may
  stand, and the limits of sections 2.4, 2.7 and 3.4. A payload is opaque: it takes the model to
  read it.
doc-ref: SPEC.md
seq:
  - id: header
    type: header
  - id: chunks
    type: chunk
    repeat: eos
    doc: Up to 64 of other types, then one TILE for each tile of the grid, row by row.
    doc-ref: SPEC.md 3
types:
  header:
    doc-ref: SPEC.md 2
    seq:
      - id: signature
        contents: [0x89, 0x41, 0x45, 0x43, 0x0d, 0x0a, 0x1a, 0x0a]
        doc-ref: SPEC.md 2.1
      - id: version
        type: u1
        valid: 1
        doc-ref: SPEC.md 2.2
      - id: model_id
        size: 8
        doc: First 8 bytes of the SHA-256 of the canonical weights.
        doc-ref: SPEC.md 2.3
      - id: width
        type: u4
        valid:
          min: 1
          max: 1048575
        doc: Pixels, before padding.
        doc-ref: SPEC.md 2.4
      - id: height
        type: u4
        valid:
          min: 1
          max: 1048575
        doc: Pixels, before padding.
        doc-ref: SPEC.md 2.4
      - id: mode
        type: u1
        enum: colour_mode
        doc: Other values are refused.
        doc-ref: SPEC.md 2.5
      - id: q
        type: u1
        valid:
          min: 0
          max: 63
        doc: Rate index of the model, 0 is the smallest file.
        doc-ref: SPEC.md 2.6
      - id: tile_units
        type: u1
        valid:
          min: 1
          max: 32
        doc: Side of a tile in units of 64 pixels.
        doc-ref: SPEC.md 2.7
      - id: crc
        type: u4
        doc: CRC-32 of the 28 bytes before it.
        doc-ref: SPEC.md 2.8
    instances:
      tile:
        value: tile_units * 64
        doc: Side of a tile in pixels.
      columns:
        value: (width + tile - 1) / tile
        doc: Tiles beside one another.
      rows:
        value: (height + tile - 1) / tile
        doc: Tiles on top of one another.
  chunk:
    doc-ref: SPEC.md 3.1
    seq:
      - id: len_data
        type: u4
      - id: type
        type: str
        size: 4
        encoding: ASCII
        doc: |
          Four letters. iccp: ICC profile; exif: a TIFF stream; xmpx: XMP, UTF-8; prvw: a preview; FLTR: a filter;
          ALPH: alpha as a PNG file; TIDX: index of the tiles; TILE: a tile's payload. Of the others, those that
          begin with a lower-case letter are skipped, and those with an upper-case one refused.
        doc-ref: SPEC.md 3.2, 3.3
      - id: data
        size: len_data
        type:
          switch-on: type
          cases:
            '"TIDX"': tile_index
            '"prvw"': preview
            '"FLTR"': filter
      - id: crc
        type: u4
        doc: CRC-32 of type and data.
  tile_index:
    doc-ref: SPEC.md 3.5
    seq:
      - id: len_payloads
        type: u4
        repeat: eos
        doc: Bytes of the data of each chunk TILE, in their order.
  preview:
    doc-ref: SPEC.md 3.8
    seq:
      - id: reduction
        type: u2
        valid:
          min: 2
          max: 65535
        doc: The preview is at 1/reduction of the picture's width and height.
      - id: q
        type: u1
        valid:
          min: 0
          max: 63
      - id: payload
        type: u1
        repeat: eos
        doc: As of a tile of the preview's size.
  filter:
    doc-ref: SPEC.md 3.7
    seq:
      - id: num_limits
        type: u1
        valid:
          max: 2
        doc: How many times differences count limited.
      - id: difference_table
        type: u1
        valid:
          max: 63
        doc: Index of the table that codes the numbers of differences.
      - id: limited_table
        type: u1
        valid:
          max: 63
      - id: sample_table
        type: u1
        valid:
          max: 63
      - id: offset_table
        type: u1
        valid:
          max: 63
      - id: payload
        type: u1
        repeat: eos
        doc: Words of 32 bits, little-endian, as a tile has them.
enums:
  colour_mode:
    0: rgb
    1: gray
