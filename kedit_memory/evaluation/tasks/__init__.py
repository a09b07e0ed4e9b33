"""What is measured, a folder a task; `evaluation.task` holds the table of them."""
