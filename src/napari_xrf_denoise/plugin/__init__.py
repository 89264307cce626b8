"""The napari plugin: the only place that imports napari and Qt.

State lives in evented models without Qt (`denoise_model`, `spectrum_model`), sessions do the work
(`denoise_session`), and widgets (`denoise_panel`, `spectrum_dock`, `element_panel`) only show it.
"""
