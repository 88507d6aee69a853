"""From the files of finished runs to tables, figures and one page; no model is loaded here."""
