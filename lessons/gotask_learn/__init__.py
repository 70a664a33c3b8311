"""The course: lessons that are judged by what their programs do."""
