from .measurements import simulate_map as simulate_map
from .measurements import simulate_spectra as simulate_spectra
