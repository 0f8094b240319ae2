"""The adversarial teacher of the paper and its alternatives, behind one protocol."""
