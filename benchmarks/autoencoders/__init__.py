"""Five write-ups on autoencoders, rebuilt and measured through real files.

Read the modules in this order; nothing refers forward:

    data.py         the data sets' own file formats
    trainer.py      one autoencoder, one trainer
    coding.py       latents <-> real bytes, by the product's quantizer and entropy coder
    networks.py     networks that several studies use; PCA is one of them
    anchors.py      curves of the product's own benchmark
    figures.py      loss curves, grids, points
    study.py        what a study is given
    stl10.py, cifar10.py, ycbcr.py, resolutions.py, mnist.py    the five
    common.py       all of them on common ground
    tables.py       the results as the README's tables
"""
