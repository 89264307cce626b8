"""Text: tables of spectra, and the files of multichannel analysers."""
