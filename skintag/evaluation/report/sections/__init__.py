"""The sections of a report, one file each: from evidence to paragraphs, tables and figures."""
