"""Pages for people: the report of a day as one HTML file that needs nothing but a browser.

`contents` is what a page tells, row by row as the reports and the projection have it; `reading`
makes it of their CSV files; `tables` and `charts` put it in order, `formatting` puts it in words,
and `page` writes the file. All of it is a pure function: the same contents give the same bytes.
"""
