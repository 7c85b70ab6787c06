"""What learning management systems export and import, a module a system. `recognise` tells which one an export is of."""
