"""The interface as data: services, fields, codes, dictionaries. No behaviour beyond reading them."""
