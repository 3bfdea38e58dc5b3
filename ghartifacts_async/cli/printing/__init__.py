"""What the commands print: values in columns or as JSON, results, notes and progress."""
