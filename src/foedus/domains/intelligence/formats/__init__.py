"""Foreign formats in and out: tables of indicators (CSV, workbook) and MISP events."""
