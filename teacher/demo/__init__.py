"""The whole pipeline at a small size: python -m teacher.demo."""
