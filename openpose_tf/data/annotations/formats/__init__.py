"""One reader per format of annotation; `readers` registers them."""
