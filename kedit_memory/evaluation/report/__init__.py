"""What is shown of rows: tables, pictures, pages; no figure in them is typed by hand."""
