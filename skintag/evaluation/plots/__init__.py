"""Figures of the report, drawn with matplotlib from the tables that evaluation makes; nothing is computed here."""
