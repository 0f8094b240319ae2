"""What people wear: sampled appearance, garments fitted to the body, textures."""
