"""From a sampled scene to an image with its ground truth: Blender, compositing, photo matching."""
