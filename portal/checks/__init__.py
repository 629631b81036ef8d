"""What `bitgoeul doctor` looks at, a noun a module; each gives findings and changes nothing."""
