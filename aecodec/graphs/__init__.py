"""The decoder as ONNX graphs, made of a weights file without torch: for browsers, for ONNX Runtime,
for whoever exports a learned codec. SPEC 4.2, 4.3, 4.5, 5.1, 5.7 and 3.7 in operators."""
