"""Private. The learned model, SPEC 4.1 to 4.3, 4.5, 5.1 and 5.7; knows no pictures.

Read in this order: config, layers, transforms, entropy_model, points, quantize, model; fixed_point,
fixed_tables, fixed_network; store, weights, loaded.
"""
