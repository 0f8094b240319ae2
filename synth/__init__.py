"""The images: body model, poses, scenes, Blender rendering and their exact ground truth."""
