"""Scenes as pure data, drawn from (seed, scene index): camera, light, background, people and where they stand."""
