"""The forms of acts on devices and archives."""
