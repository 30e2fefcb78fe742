"""Mutants of the reference implementation, each a testee: `python mutants.py NAME` speaks the line protocol.

Theory. A clause counts as tested when an implementation that breaks it fails. A mutant breaks one
clause by one change of the source, made while the module is loaded; everything else is the
reference. The change must fit exactly one place: a mutant that no longer fits the source stops.

Rules:

1. Each mutant: the clause, the module, what stands there, what stands there instead, and the area
   of vectors that has to notice.
2. Names say what the mutant does wrong.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Final, NamedTuple


class Mutant(NamedTuple):
    """One broken reference implementation."""

    clause: str
    module: str
    was: str
    now: str
    area: str


TWO, LABEL, VALUES, KEYS = "addresses.two_layer", "addresses.label", "addresses.values", "addresses.schedule"
VERIFY = "held.verify_key.verify(signed[_P.rda_bytes :], _SIGNED + signed[: _P.rda_bytes])"
BINDING = "self.verify(_P.binding_label, self.agree, self.binding)"
SIGNED = "self.identity.verify(_P.package_label, signed, self.signature)"
SALT = 'entropy.draw("ratchet.salt", _P.salt_bytes)'
HOLLOW = 'raise PeerError(ErrorClass.MALFORMED, "ratchet key of small order") from error'

MUTANTS: Final = {
    # Chapter 2, both profiles.
    "omits_uri_from_info": Mutant("ADDR-3", VALUES, "head + place + bound", "head + bound", "address/*"),
    "takes_odd_dates": Mutant("ADDR-4", VALUES, "if rest or not 0 <=", "if not 0 <=", "address/*"),
    "omits_ciphertext_from_info": Mutant("ADDR-12", VALUES, "head + place + bound", "head + place", "address/*"),
    "uses_ended_generations": Mutant(
        "ADDR-14", KEYS, "held is None or not held[0].live(now)", "held is None", "*/*gen*"
    ),
    "seals_to_oldest_key": Mutant("ADDR-30", "addresses.config", "return max(live", "return min(live", "address/*"),
    "takes_keys_of_no_profile": Mutant(
        "ENV-3", "addresses.config", "if inner and Profile.TWO_LAYER not in profiles", "if False", "address/*"
    ),
    "takes_one_number_for_two_keys": Mutant(
        "ENV-3", "addresses.config", "!= len(generations)", "> len(generations)", "address/*"
    ),
    "takes_a_profile_twice": Mutant(
        "ENV-3", "addresses.config", "if len(set(profiles)) != len(profiles)", "if False", "address/*"
    ),
    "takes_one_number_for_two_keys_of_a_set": Mutant(
        "ENV-3", "address_set", "read_generations(keys[1])", "tuple(map(Generation.from_wire, keys[1]))", "body/*"
    ),
    "starts_with_nine_keys": Mutant(
        "ADDR-35", KEYS, "if max(len(outer), len(inner)) > _P.generations_max", "if False", "service/*"
    ),
    "digests_uri_only": Mutant("ADDR-26", "addresses.config", "+ self.encode()", "+ self.uri.encode()", "address/*"),
    # Chapter 2, two-layer/1.
    "seals_addresses_of_any_length": Mutant("ADDR-7", TWO, "info, rdas(address),", "info, address,", "address/*"),
    "chooses_the_highest_number": Mutant(
        "ADDR-9", "addresses.config", "key=lambda g: (g.not_before_s, g.number)", "key=lambda g: g.number", "address/*"
    ),
    "checks_no_signature": Mutant("ADDR-7", TWO, VERIFY, "pass", "address/*"),
    "signs_without_label": Mutant("SES-3", TWO, '.encode() + b"\\0"', ".encode()[:0]", "address/*"),
    "issues_beyond_key": Mutant("ADDR-9", "addresses.config", "if g.not_after_s >= valid_until_s", "", "address/*"),
    "issues_for_years": Mutant("ADDR-29", TWO, "if valid_until_s - now >", "if 0 >", "address/*"),
    "takes_expired_address": Mutant("ADDR-16", TWO, "if now >= found.valid_until_s", "if False", "address/*"),
    "takes_address_at_its_date": Mutant("ADDR-16", TWO, "if now >= found", "if now > found", "address/*"),
    "takes_address_twice": Mutant("ADDR-17", TWO, "if block and block.bits", "if False and block.bits", "address/*"),
    "spends_whole_block": Mutant("ADDR-17", TWO, "old.bits | bit,", "(1 << 256) - 1,", "address/*"),
    "keeps_revoked_root": Mutant("ADDR-24", TWO, "self._roots.pop(of, None)", "pass", "address/*"),
    # Chapter 2, label/1.
    "one_key_for_all_epochs": Mutant("ADDR-18", LABEL, "epoch.to_bytes(4)", "bytes(4)", "label/*"),
    "one_label_for_all_lanes": Mutant("ADDR-19", LABEL, "_PLACE.pack(lane, index)", "_PLACE.pack(0, index)", "label/*"),
    "unbounded_window": Mutant("ADDR-22", LABEL, "min(top + self._window, held.grant.capacity)", "1000", "label/*"),
    "window_never_moves": Mutant("ADDR-22", LABEL, "self._slide(held, old, new)", "pass", "label/*"),
    "window_keeps_its_tail": Mutant("ADDR-22", LABEL, "max(0, top - self._window)", "0", "label/*"),
    "ignores_capacity": Mutant(
        "ADDR-22", LABEL, "min(top + self._window, held.grant.capacity)", "top + self._window", "label/*"
    ),
    "takes_label_twice": Mutant("ADDR-22", LABEL, "del self._labels[label]  # ADDR-17, ADDR-22", "pass", "label/*"),
    "keeps_erased_epoch": Mutant("ADDR-23", LABEL, "if now >= held.grant.valid_until_s]", "if False]", "label/*"),
    "revokes_nothing": Mutant("ADDR-24", LABEL, "if k[0] == of and", "if False and", "label/*"),
    "revokes_more_than_asked": Mutant("ADDR-24", LABEL, "and epoch in (None, k[1])", "", "label/*"),
    "takes_any_epoch": Mutant("ADDR-34", LABEL, "if not 0 <= grant.epoch <= _P.epoch_max", "if False", "label/*"),
    "takes_empty_epochs": Mutant(
        "ADDR-33", LABEL, "if not 0 < grant.capacity", "if not 0 <= grant.capacity", "label/*"
    ),
    "takes_epochs_without_lanes": Mutant("ADDR-33", LABEL, "not 0 < grant.lanes", "not 0 <= grant.lanes", "label/*"),
    "takes_other_values_for_an_epoch": Mutant("RECV-6", LABEL, "if known.grant != grant", "if False", "label/*"),
    "takes_another_key_for_a_root": Mutant(
        "RECV-6", TWO, "known.verify_key.public_bytes_raw() != entry.verify_key", "False", "address/*"
    ),
    "forgets_what_a_root_spent": Mutant("RECV-6", TWO, "if known is not None:", "if False:", "address/*"),
    "refuses_an_epoch_again": Mutant("RECV-6", LABEL, "if known.grant != grant", "if True", "label/*"),
    "begins_an_epoch_anew": Mutant("RECV-6", LABEL, "if known is not None:", "if False:", "label/*"),
    "seals_labels_of_any_length": Mutant("ADDR-20", LABEL, "checked_label(label) +", "label +", "label/*"),
    "takes_expired_label": Mutant("ADDR-16", LABEL, "if now >= grant.valid_until_s", "if False", "label/*"),
    # Chapters 3 and 8.
    "takes_any_uri": Mutant("SVC-1", "addresses.config", "if not is_origin(uri):", "if False:", "service/*"),
    "takes_documents_for_other_origins": Mutant(
        "SVC-21", "document", "uri != service_uri(origin) for uri", "False for uri", "document/*"
    ),
    "takes_loose_base64": Mutant("SVC-21", "document", "if base64url(raw) != text:", "if False:", "document/*"),
    "delivers_without_an_epoch": Mutant(
        "ENV-21", "envelope", "if 4 in f else None", "if False else None", "envelope/*"
    ),
    "takes_other_encodings": Mutant("ENV-1", "wire", "if again != data", "if False", "envelope/*"),
    "takes_any_length": Mutant("ENV-2", "wire", "if len(data) > limit", "if False", "envelope/*"),
    "takes_unknown_fields": Mutant(
        "ENV-3", "wire", "required <= keys <= required | optional", "required <= keys", "body/*"
    ),
    "takes_unknown_version": Mutant("ENV-5", "body", "!= _E.body_version", "< _E.body_version", "body/*"),
    "takes_any_ciphertext_length": Mutant(
        "ENV-9", "envelope", "if len(ciphertext) not in _E.ciphertext_classes_bytes", "if False", "envelope/*"
    ),
    "seals_texts_of_any_length": Mutant(
        "ENV-9", "envelope", "key, _of_a_class(ciphertext), entropy)", "key, ciphertext, entropy)", "envelope/*"
    ),
    "labels_texts_of_any_length": Mutant(
        "ENV-9",
        "envelope",
        "seal_labelled(label, _of_a_class(ciphertext),",
        "seal_labelled(label, ciphertext,",
        "envelope/*",
    ),
    "takes_bodies_of_any_length": Mutant("ENV-20", "body", "= _E.device_bytes_max", "= 1 << 20", "body/*"),
    "takes_unknown_kinds": Mutant(
        "EXT-9", "body", "if number not in Kind._value2member_map_:", "if number > len(Kind):", "body/*"
    ),
    "ignores_padding": Mutant("ENV-10", "session", "or any(rest)", "", "session/*"),
    "takes_any_body_length": Mutant("ENV-11", "session", "if len(body) <= size - overhead", "if True", "session/*"),
    "takes_messages_without_id": Mutant("ENV-14", "body", "(kind == Kind.MESSAGE) != (2 in f)", "False", "body/*"),
    "takes_a_service_twice": Mutant("ENV-13", "address_set", "!= len(services)", "> len(services)", "body/*"),
    "takes_touching_ranges": Mutant("ENV-15", "body", "if not edge < begin", "if not edge <= begin", "body/*"),
    # Chapter 4.
    "checks_no_binding": Mutant("SES-2", "keys", BINDING, "pass", "session/*"),
    "checks_no_package_signature": Mutant("SES-4", "keys", SIGNED, "pass", "session/*"),
    "takes_package_for_years": Mutant(
        "SES-22",
        "keys",
        "<= _P.package_lifetime_s_max:\n            raise PeerError",
        "< now * 9:\n            raise PeerError",
        "session/*",
    ),
    "takes_expired_package": Mutant("SES-5", "keys", "<= now < self.not_after_s", "<= now", "session/*"),
    "takes_late_openings": Mutant(
        "SES-10", "session", "if now >= secret.package", "if 0 > secret.package", "session/*"
    ),
    "moves_openings": Mutant("SES-9", "agreement", "hashlib.sha256(message).digest()", "bytes(32)", "session/*"),
    "takes_openings_of_other_packages": Mutant(
        "SES-25", "agreement", "if opening.package_id != secret.package.identifier()", "if False", "session/*"
    ),
    "takes_openings_of_other_sessions": Mutant(
        "SES-9",
        "session",
        "if open_opening(prekey.private_key(), sealed, message) != session.opening",
        "if open_opening(prekey.private_key(), sealed, message) is None",
        "session/*",
    ),
    "keeps_openings_for_ever": Mutant(
        "SES-11",
        "session",
        "return Session(state, session.associated, session.peer), body",
        "return msgspec.structs.replace(session, ratchet=state), body",
        "session/*",
    ),
    "names_nobody_in_ad": Mutant("SES-8", "agreement", "sha256(label + names)", "sha256(label)", "session/*"),
    "leaves_out_a_secret": Mutant(
        "SES-7", "agreement", "shared = _agree(prekey, peer.agree) + ", "shared = bytes(32) + ", "session/*"
    ),
    "takes_hollow_keys": Mutant("SES-21", "ratchet", HOLLOW, "agreed = bytes(32)", "ratchet/*"),
    "salts_with_zeros": Mutant("SES-14", "ratchet", SALT, "bytes(_P.salt_bytes)", "ratchet/*"),
    "spoils_state_on_failure": Mutant(
        "SES-16", "ratchet", "chain.keys.get(header[2])", "chain.keys.pop(header[2], None)", "ratchet/*"
    ),
    "skips_without_limit": Mutant("SES-18", "ratchet", "if until - state.nr > _P.skip_max", "if False", "ratchet/*"),
    "skips_fewer_than_promised": Mutant("SES-18", "ratchet", "> _P.skip_max", ">= _P.skip_max", "ratchet/*"),
    "skips_one_more_of_the_chain_before": Mutant(
        "SES-18",
        "ratchet",
        "_ended(_skip(state, header[1]))",
        "_ended(_skip(_skip(state, min(header[1], state.nr + 1)), header[1]))",
        "ratchet/*",
    ),
    "skips_one_more_under_way": Mutant(
        "SES-18",
        "ratchet",
        "passed = _skip(turned, number)",
        "passed = _skip(_skip(turned, turned.nr + (0 < turned.nr < number)), number)",
        "ratchet/*",
    ),
    "keeps_one_key_more_of_a_chain": Mutant(
        "SES-19", "ratchet", "min(room, _P.chain_keys_max)", "min(room, _P.chain_keys_max + 1)", "ratchet/*"
    ),
    "keeps_one_key_more_in_all": Mutant(
        "SES-19", "ratchet", "room = _P.stored_keys_max", "room = _P.stored_keys_max + 1", "ratchet/*"
    ),
    "keeps_one_chain_more": Mutant(
        "SES-19", "ratchet", "chains[-_P.receiving_chains_max :]", "chains[-_P.receiving_chains_max - 1 :]", "ratchet/*"
    ),
    "drops_the_newest_keys": Mutant("SES-19", "ratchet", "[len(keys) - most :]", "[:most]", "ratchet/*"),
    "forgets_where_a_chain_ended": Mutant("SES-16", "ratchet", "if header[2] >= chain.end", "if False", "ratchet/*"),
    "ends_a_chain_one_later": Mutant("SES-16", "ratchet", ">= chain.end", "> chain.end", "ratchet/*"),
    "keeps_used_keys": Mutant("SES-20", "ratchet", "if n != header[2]}", "}", "ratchet/*"),
    "sends_header_in_clear": Mutant(
        "SES-12", "ratchet", "return new, salt + sealed", "return new, salt + header", "ratchet/*"
    ),
    # Chapters 10, 11 and 14.
    "marks_no_last_chunk": Mutant(
        "ATT-1", "attachment", "place == chunks - 1, chunks, plain)", "False, chunks, plain)", "attachment/*"
    ),
    "binds_no_number_of_chunks": Mutant(
        "ATT-1", "attachment", '_LABEL + struct.pack(">I", chunks))\n', "_LABEL)\n", "attachment/*"
    ),
    "takes_any_padding_of_files": Mutant(
        "ATT-2", "attachment", '_need(not any(rest), "padding")', "pass", "attachment/*"
    ),
    "takes_any_digest": Mutant("ATT-2", "attachment", "hmac.compare_digest(digest", "max(digest", "attachment/*"),
    "takes_files_cut_short": Mutant("ATT-2", "attachment", "_need(place == chunks,", "_need(True,", "attachment/*"),
    "believes_the_stated_length": Mutant(
        "ATT-11", "attachment", "_need(int.from_bytes(plain[:prefix]) == length,", "_need(True,", "attachment/*"
    ),
    "takes_files_of_any_length": Mutant("ATT-4", "attachment", "if length > _A.file", "if 0 > _A.file", "attachment/*"),
    "takes_nine_attachments": Mutant(
        "ATT-12", "content", "_some(f[3], _A.per_message_max)", "_some(f[3], 9)", "content/*"
    ),
    "takes_names_that_lead_elsewhere": Mutant(
        "ATT-18", "content", "if name in _NO_NAMES or any(", "if any(", "content/*"
    ),
    "takes_any_number_of_locations": Mutant(
        "ATT-18", "content", "_some(f[1], _A.locations_max)", "_some(f[1], 9)", "content/*"
    ),
    "takes_any_bytes_for_text": Mutant("CONT-1", "content", "_utf8(inside)\n", "pass\n", "content/*"),
    "takes_any_profile": Mutant("CONT-1", "content", "decode_profile(inside)\n", "pass\n", "content/*"),
    "puts_itself_first": Mutant("SEC-6", "fingerprint", "= sorted((one", "= ((one", "identity/*"),
    # Chapter 8, directories.
    "takes_unsigned_entries": Mutant(
        "DIR-1",
        "directory",
        "self.identity.verify(_D.entry_label, self._message(), self.signature)",
        "pass",
        "directory/*",
    ),
    "asks_nobody_before": Mutant(
        "DIR-1",
        "directory",
        "last.identity.verify(_D.entry_label, self._message(), self.before)",
        "pass",
        "directory/*",
    ),
    "believes_in_a_time_before_the_first": Mutant(
        "DIR-1", "directory", "if self.sequence == 0 and self.before is not None", "if False", "directory/*"
    ),
    "takes_contacts_of_anybody": Mutant(
        "DIR-6", "directory", "if self.package.identity != entry.identity", "if False", "directory/*"
    ),
    "hashes_leaves_as_nodes": Mutant(
        "DIR-12",
        "directory",
        "return leaf_hash(self.encode())",
        "return hashlib.sha256(self.encode()).digest()",
        "directory/*",
    ),
    "swaps_the_sides_of_a_path": Mutant(
        "DIR-12",
        "log_tree",
        "path.append(self._subtree(low, middle))\n                low = middle",
        "path.insert(0, self._subtree(low, middle))\n                low = middle",
        "directory/*",
    ),
    "takes_heads_of_anybody": Mutant(
        "DIR-12",
        "directory",
        ".verify(self.signature, self._message())\n        except",
        "\n        except",
        "directory/*",
    ),
    "takes_heads_of_other_directories": Mutant("DIR-12", "directory", "if self.uri != uri", "if False", "directory/*"),
    "takes_entries_that_are_in_no_log": Mutant(
        "DIR-14",
        "directory",
        "if not verify_inclusion(",
        "if verify_inclusion is None and not verify_inclusion(",
        "directory/*",
    ),
    "takes_answers_about_others": Mutant(
        "DIR-14", "directory", "if self.entry.name != name", "if False", "directory/*"
    ),
    "joins_any_two_logs": Mutant(
        "DIR-15",
        "directory_reader",
        "if not verify_consistency(",
        "if verify_consistency is None and not verify_consistency(",
        "directory/*",
    ),
    "overlooks_a_split_view": Mutant(
        "DIR-15", "directory_reader", "if ours.tree != other.tree", "if False", "directory/*"
    ),
    "takes_heads_of_any_age": Mutant(
        "DIR-18", "directory", "> 2 * _D.head_max_age_s", "> 9000 * _D.head_max_age_s", "directory/*"
    ),
    "takes_only_heads_of_today": Mutant(
        "DIR-18", "directory", "> 2 * _D.head_max_age_s", "> _D.head_max_age_s", "directory/*"
    ),
    "takes_entries_of_any_length": Mutant(
        "DIR-20",
        "directory",
        "cls.from_wire(wire.decode(data, _D.entry_bytes_max))  # DIR-20",
        "cls.from_wire(wire.decode(data, 1 << 20))",
        "directory/*",
    ),
    "takes_names_in_any_form": Mutant(
        "DIR-21", "directory", 'if not unicodedata.is_normalized("NFC", name)', "if False", "directory/*"
    ),
    # Chapter 9.
    "forgets_the_empty_context": Mutant(
        "TOK-5", "tokens", 'parts[0] + b"\\x00" + parts[1]', "parts[0] + parts[1]", "token/*"
    ),
    "challenges_for_any_text": Mutant("TOK-5", "tokens", "if not _HOST.fullmatch(host)", "if False", "token/*"),
    "keeps_tokens_unverified": Mutant(
        "TOK-7", "blind_rsa", "key.verify(message, signature, variant)\n", "\n", "token/*"
    ),
    "takes_answers_of_any_length": Mutant("TOK-7", "blind_rsa", "if len(answer) != key.size", "if False", "token/*"),
    "repeats_its_nonce": Mutant(
        "TOK-8", "tokens", 'entropy.draw("token.nonce", _T.nonce_bytes)', "bytes(32)", "token/*"
    ),
    "blinds_with_one": Mutant(
        "TOK-8", "blind_rsa", 'factor, _ = _unit(entropy, "token.blind", key.n)', "factor = 1", "token/*"
    ),
    "takes_any_encoding_of_a_key": Mutant("TOK-21", "tokens", "data[: len(_SPKI)] != _SPKI or", "", "token/*"),
    "takes_any_exponent": Mutant("TOK-21", "tokens", "or data[end:] != _EXPONENT", "", "token/*"),
    "takes_short_keys": Mutant("TOK-21", "tokens", "or n >> 2047 != 1", "", "token/*"),
    "signs_beyond_its_modulus": Mutant("TOK-23", "blind_rsa", "or not 0 < value < key.n", "", "token/*"),
    "signs_for_any_type": Mutant("TOK-23", "tokens", "or any(row[:2] != _TYPE for row in rows)", "", "token/*"),
}


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads one module with one place of its source changed."""

    def __init__(self, fullname: str, path: str, mutant: Mutant) -> None:
        super().__init__(fullname, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode()
        if source.count(self._mutant.was) != 1:
            sys.exit(f"the mutant fits {source.count(self._mutant.was)} places of {fullname}: {self._mutant.was}")
        code: CodeType = compile(source.replace(self._mutant.was, self._mutant.now), self.path, "exec")
        return code


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the one module that is to be changed."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = f"communicator_impl.{mutant.module}"
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin, self._mutant)
        return spec


def main(name: str) -> None:
    sys.meta_path.insert(0, _Finder(MUTANTS[name]))
    importlib.import_module("communicator_impl.adapter").main()


if __name__ == "__main__":
    main(sys.argv[1])
