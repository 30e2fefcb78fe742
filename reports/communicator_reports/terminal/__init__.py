"""The relationship manager as a screen in a terminal (`communicator rm open`).

======================  ==========================================================================
`desk`                  what is shown, as values
`looking`, `working`    the thread that owns the store: it looks, watches, and does what is asked for
`characters`            other people's text as it may be shown
`typesetting`, `pages`  what stands where, as lines of a width
`blocks`, `writing`     the two widgets: lines that scroll, and the line to write on
`dialogs`, `doings`     what is asked for, and what is done then
`app`, `themes`         panes, keys, colours
======================  ==========================================================================

Only `app` and what it imports need Textual, so nothing is imported here.
"""
