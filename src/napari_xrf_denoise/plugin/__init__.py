"""The napari plugin: the only place of Qt.

Each dock is a folder: `model` (its state, without Qt), `session` (the work that takes long), `dock`
(the widget that shows the model). What they share is in `common`; `opening` reads and writes files.
"""
