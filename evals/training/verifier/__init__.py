"""How the entailment model that the verifier uses was made. Needs torch and onnx, which the program does not."""
