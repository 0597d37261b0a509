"""Low code: what the gallery "Add step" writes.

A recipe turns a filled-in form into ordinary cells, such as a good analyst would write. They need
nbflow for `%%sql` only, and people go on with them by hand. Pure: text in, text out.
"""
