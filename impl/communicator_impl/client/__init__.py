"""A relationship manager as a program: an encrypted store, real services, and a person in front of it."""

from communicator_impl.client.device import Device, Turned
from communicator_impl.client.links import contact_of, link_of
from communicator_impl.client.vault import KeyFile, Passphrase, Vault

__all__ = ["Device", "KeyFile", "Passphrase", "Turned", "Vault", "contact_of", "link_of"]
