"""The site's hardware file as the portal's settings name it: one that can't be used is a setting that is wrong."""

from __future__ import annotations

from gpus.hardware import Hardware, HardwareError, load_hardware
from portal.settings import PortalSettings, SettingsError


def open_hardware(settings: PortalSettings) -> Hardware:
    """What the site declares. Raises SettingsError."""
    try:
        return load_hardware(settings.hardware)
    except HardwareError as error:
        raise SettingsError(f"The declared hardware can't be used. {error}") from error
