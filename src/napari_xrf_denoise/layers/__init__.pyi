from .calibrate import calibrate_layer as calibrate_layer
from .convert import image_from_layer as image_from_layer
from .convert import to_layer as to_layer
from .geometry import layer_transform as layer_transform
from .regions import region_masks as region_masks
