"""The page of the study, RESULTS.md, from the results of its runs."""
