"""Actions on deployment policies, and the devices that come by them."""
