"""Any view as a file: CSV, XLSX, and its chart as SVG or PNG."""
