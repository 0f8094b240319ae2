"""Examples of the teacher with other students."""
