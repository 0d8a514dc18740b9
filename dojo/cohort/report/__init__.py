"""What grading a cohort found, in files: a page to read, tables, and what other programs take."""
