#!/usr/bin/env python3
"""Verifies an audit log of Tollgate from its files alone.

    python3 verify.py DIR|BUNDLE.zip [--key PUB|FILE]... [--since-checkpoint FILE]... [--allow-unsigned]
    python3 verify.py --bundle DIR|BUNDLE.zip ...
    python3 verify.py PROOF.json [--key PUB|FILE]...

DIR is a log's directory; with --bundle, the folder that a bundle was unpacked into, with the log in its folder log/. PROOF.json is the proof
of one call, which needs no log (docs/audit-proof.md).
Written from docs/audit-format.md ("the format" below) and RFC 8032 alone, with Python's standard library (3.6 or later),
so that it can be read from top to bottom and believed. Exit status: 0 the log is whole, 1 it has faults, 2 it could not
be verified, as when the command line is wrong.
"""

import sys

if sys.version_info < (3, 6):
    sys.stderr.write("verify.py needs Python 3.6 or later, and this is %d.%d: nothing was verified\n" % sys.version_info[:2])
    sys.exit(2)

import argparse
import base64
import hashlib
import json
import os
import re
import stat
import time
import traceback
import zipfile
import zlib
from collections import namedtuple
from datetime import datetime, timezone

try:
    import fcntl
except ImportError:  # where there is none, no gateway writes a log either
    fcntl = None

MAX_LINE = 65536  # bytes, with the line feed ("Lines")
MAX_DEPTH = 16  # of objects and lists in one another, the record included
MAX_FAULTS = 100  # that are shown
MAX_PLANS = 1 << 18  # that are followed
MAX_TEXT = 64 << 20  # bytes of the text of a plan
MAX_COPIES = 64 << 20  # bytes of a file of checkpoints, or keys, kept elsewhere
MAX_PROOF = 4 << 20  # bytes of the proof of a call
MAX_PROVEN = 16  # records of it
TAIL_RECORDS, TAIL_SECONDS = 65536, 30  # beyond the settings, of a log that is being written ("Verifying", point 9)


def sha256(data):
    return hashlib.sha256(data).digest()


# ---- Ed25519, RFC 8032 section 5.1 -----------------------------------------------------------------------------------

P = 2**255 - 19  # the field's prime
L = 2**252 + 27742317777372353535851937790883648493  # the base point's order
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)


def add_points(p, q):
    """Section 5.1.4: points are (X, Y, Z, T) with x = X/Z, y = Y/Z, x*y = T/Z."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def decode_point(data):
    """Section 5.1.3. None when the 32 bytes are no point."""
    number = int.from_bytes(data, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * SQRT_MINUS_1 % P
    if v * x * x % P != u or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def encode_point(p):
    """Section 5.1.2."""
    inverse = pow(p[2], P - 2, P)
    return (p[1] * inverse % P | (p[0] * inverse % P & 1) << 255).to_bytes(32, "little")


BASE = decode_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_verify(public, message, signature):
    """Section 5.1.7: whether R = [S]B - [k]A, compared as bytes, where the signature is R || S and S < L."""
    a, s = decode_point(public), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    minus_a = (P - a[0], a[1], a[2], P - a[3])
    sums = (NEUTRAL, BASE, minus_a, add_points(BASE, minus_a))
    r = NEUTRAL
    for bit in range(252, -1, -1):
        r = add_points(add_points(r, r), sums[(s >> bit & 1) | (k >> bit & 1) << 1])
    return encode_point(r) == signature[:32]


# ---- The tree ("The tree") -------------------------------------------------------------------------------------------


def leaf_hash(line):
    return sha256(b"\x00" + line)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


class Tree:
    """The peaks of size leaves."""

    def __init__(self, size=0, peaks=()):
        self.size, self.peaks = size, list(peaks)

    def add(self, leaf):
        n = self.size
        while n & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            n >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha256(b"")
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


# ---- Keys and checkpoints ("Checkpoints") ----------------------------------------------------------------------------

TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z"
NAME = r"[!-*,-~]+"  # printable ASCII without blank and plus
NOTE = re.compile(
    "(?P<text>(?P<name>%s)\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[^\n]+)\ntime (?P<time>%s)\n)\n" % (NAME, TIME)
    + "(?P<signatures>(\u2014 %s [^\n ]+\n)+)" % NAME
)
PublicKey = namedtuple("PublicKey", "name hash key text")
Signature = namedtuple("Signature", "name hash signature")
Note = namedtuple("Note", "text name size root time signatures")


class Fault(ValueError):
    """What is wrong, for people."""


def unbase64(text, length, what):
    """The bytes of canonical base64: standard alphabet, padding, no stray bits."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        data = b""
    if len(data) != length or base64.b64encode(data).decode() != text:
        raise Fault("%s is not the base64 of %d bytes" % (what, length))
    return data


def parse_key(text):
    """NAME+HASH+KEY; KEY is base64, which may have a plus itself."""
    match = re.fullmatch(r"(%s)\+([0-9a-f]{8})\+(\S+)" % NAME, text) if isinstance(text, str) else None
    if not match:
        raise Fault("a public key is spelt NAME+HASH+KEY")
    name, key_hash, key = match[1], bytes.fromhex(match[2]), unbase64(match[3], 33, "a public key")
    if key[:1] != b"\x01" or key_hash != sha256(name.encode() + b"\n" + key)[:4]:
        raise Fault("the public key's hash is not that of its name and key")
    return PublicKey(name, key_hash, key[1:], text)


def parse_note(text):
    match = NOTE.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise Fault("a checkpoint is four lines, an empty line, and a line for each signature")
    signatures = []
    for line in match["signatures"].splitlines():
        _, name, data = line.split(" ")
        data = unbase64(data, 68, "a signature")
        signatures.append(Signature(name, data[:4], data[4:]))
    root = unbase64(match["root"], 32, "the root")
    return Note(match["text"], match["name"], int(match["size"]), root, match["time"], signatures)


def signed_by(note, signature, key):
    """Whether this signature of the note is one of the key's."""
    named = note.name == signature.name == key.name and signature.hash == key.hash
    return named and ed25519_verify(key.key, note.text.encode(), signature.signature)


def checkpoint_line(note, text, key, peaks, state):
    """The only line that a checkpoint record with this note, key, peaks and state (below) can have."""
    line = '{"seq":%d,"commit":%d,"time":"%s","kind":"checkpoint","key":%s,"checkpoint":%s' % (
        note.size + 1, note.size + 1, note.time, quote(key), quote(text))
    if peaks:
        line += ',"peaks":[%s]' % ",".join(quote(base64.b64encode(peak).decode()) for peak in peaks)
    return (line + state_text(*state) + "}").encode()


def state_text(start, signatures, previous, frozen):
    """What a checkpoint states of the records before it ("State"), as its line spells it."""
    text = ""
    if start:
        text += ',"open":' + place_text(start)
    if signatures:
        text += ',"signatures":[%s]' % ",".join('{"hash":%s%s}' % (quote(h), ',"date":"%s"' % d if d else "") for h, d in signatures)
    if previous:
        text += ',"previous":' + place_text(previous)
    if frozen:
        text += ',"frozen":' + place_text(frozen)
    return text


def place_text(place):
    seq, back, leaf = place
    return '{"seq":%d,"back":%d%s}' % (seq, back, ',"hash":%s' % quote(leaf) if leaf else "")


def parse_state(record):
    """The state that a checkpoint record has: the oldest open call, signatures, the checkpoint before, what is frozen."""
    signatures = record.get("signatures", [])
    if not isinstance(signatures, list) or not all(isinstance(s, dict) for s in signatures):
        raise Fault("the signatures are not a list of objects")
    signatures = [(s.get("hash"), s.get("date")) for s in signatures]
    if not all(isinstance(h, str) and (d is None or isinstance(d, str)) for h, d in signatures):
        raise Fault("a signature is not a hash and a date")
    return parse_place(record.get("open")), signatures, parse_place(record.get("previous")), parse_place(record.get("frozen"))


def parse_place(place):
    if place is None:
        return None
    if not isinstance(place, dict):
        raise Fault("a place is no object")
    seq, back, leaf = place.get("seq"), place.get("back"), place.get("hash")
    if type(seq) is not int or type(back) is not int or seq < 1 or back < 1 or not isinstance(leaf, (str, type(None))):
        raise Fault("a place is not seq, back and hash")
    return seq, back, leaf


def quote(text):
    """As "Lines" says; line feeds are all that is not printable in keys and notes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


# ---- Lines and files ("Files", "Lines") ------------------------------------------------------------------------------

KINDS = "start|intent|outcome|refusal|refusals|stop|event|checkpoint|key|prune"
HEAD = re.compile(r'\{"seq":[1-9][0-9]{0,17},"commit":[1-9][0-9]{0,17},"time":"(?P<time>%s)","kind":"(%s)"[,}]' % (TIME, KINDS))
STRING = re.compile(br'"(?:[^"\\]|\\.)*"')
OUTSIDE = re.compile(br'(?:[][{}:,"]|true|false|(?<![0-9])[0-9]{1,18}(?![0-9]))*')  # what stands outside of strings
HALF = re.compile(br"\\u[dD][89a-fA-F]")  # of a pair that stands for one character
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])")


def members(texts="", numbers="", truths="", times="", lists="", **others):
    """The type of each member that is known: str, int, bool, MOMENT, a list of one type, or an object of such members."""
    known = {name: kind for names, kind in ((texts, str), (numbers, int), (truths, bool), (times, MOMENT), (lists, [str]))
             for name in names.split()}
    return dict(known, **others)


PLACE = members("hash", "seq back")
OFFER = members("server_name", lists="versions suites groups")
TLS = members("version suite group alpn server_name peer peer_fingerprint", truths="resumed", times="peer_not_after", offer=OFFER)
RECORD = members(
    "kind call listener caller claimed_caller identified_by identity source upstream site currency operation effect method path query "
    "query_hash path_hash credential class access_key account plan decision reason detail stage tls_failure event subject body_hash "
    "mac_key path_mac query_mac body_mac answer_mac signature_hash outcome request_id result result_from error_code error_message "
    "answer_hash limit limit_from act repeats for held_by key previous_key checkpoint version note",
    "seq commit source_port query_bytes path_bytes body_bytes status answer_bytes waited_us upstream_us total_us first last unsigned",
    "deprecated key_lost cut", "time signature_date since", "peaks would_refuse caps_full", data={"": str},  # of data the names are not known
    act_keys=[members("", "window_s", lists="macs")], price=members("amount currency from call"), act_released=[int],
    steps_us=members("", "decided limited durable sent first_byte answered"),
    caps=[members("cap definition counted period amount currency", truths="unpriced")],
    fields=[members("name kind all_hash", "omitted unsummed all_bytes", lists="values")], tls_in=TLS, tls_out=TLS,
    counts=[members("reason stage tls_failure source caller", "count")], query_withheld=[members("name", "bytes pairs")],
    open=PLACE, previous=PLACE, frozen=PLACE, signatures=[members("hash", times="date")],
    freezes=[members("id kind name reason by", times="since until")])


def fits(value, kind):
    """Whether a value is of a type. Members that are not known may be anything."""
    if kind is None or type(value) is kind:
        return True
    if isinstance(kind, dict):
        return isinstance(value, dict) and all(fits(v, kind.get(name, kind.get(""))) for name, v in value.items())
    if isinstance(kind, list):
        return isinstance(value, list) and all(fits(v, kind[0]) for v in value)
    if kind is MOMENT:
        return isinstance(value, str) and bool(MOMENT.fullmatch(value)) and seconds(value[:19] + ".0") is not None
    return False


def parse_line(line):
    """The record of a line without its line feed."""
    try:
        text = line.decode("utf-8")
        head = HEAD.match(text)
        if not head:
            raise Fault("it does not begin with seq, commit, time and a known kind, spelt as they should be")
        seconds(head.group("time"))  # there is such a day
        outside = STRING.sub(b'""', line)
        if not OUTSIDE.fullmatch(outside) or too_deep(outside):
            raise Fault("white space outside strings, null, a number that is not whole, or too much depth")
        record = json.loads(text, object_pairs_hook=unique)
        if HALF.search(line):
            json.dumps(record, ensure_ascii=False).encode("utf-8")  # each half has its other one
        if not fits(record, RECORD) or record.get("source_port", 0) > 65535:
            raise Fault("a member has a value of another type than it should")
        return record
    except (ValueError, RecursionError) as e:
        raise Fault("not a record: %s" % e)


def too_deep(outside):
    """Whether objects and lists are more than MAX_DEPTH deep."""
    brackets = outside.translate(None, b':,"0123456789truefals')
    if len(brackets) <= 2 * MAX_DEPTH:
        return False
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b" ").replace(b"{}", b" ").replace(b" ", b"")
    return bool(brackets)


def seconds(text):
    """Since 1970, of a time without its zone. Python has no year 0, which is as long as year 4."""
    year, month, day, hour, minute, second = map(int, re.split("[-T:]", text[:19]))
    return datetime(year or 4, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp() + int(text[20:29]) / 1e9


def unique(pairs):
    if len(dict(pairs)) != len(pairs):
        raise Fault("a name occurs twice in one object")
    return dict(pairs)


BESIDE = ("checkpoint.txt", "key.txt")  # a log in a bundle


class Files:
    """A log's segments and hashes, in a directory, or in a bundle: a zip archive, or a folder if that is said."""

    def __init__(self, path, bundle=False):
        self.bundle, self.zip, self.log = bundle, None, path
        self.wrong = []  # what is wrong with the files as such
        if os.path.isfile(path):
            self.bundle, self.zip, self.log = True, zipfile.ZipFile(path), ""
            everything = [e.filename for e in self.zip.infolist()]
            names = [name for name in everything if re.search(r"(^|/)log/[^/]+$", name)]
            beside = [name for name in everything if os.path.basename(name) in BESIDE]
            texts = [name for name in everything if re.search(r"(^|/)blobs/[^/]+$", name)]
            for e in self.zip.infolist():
                if e.filename[:1] == "/" or ".." in e.filename.split("/") or stat.S_ISLNK(e.external_attr >> 16):
                    self.wrong.append("%s would be unpacked to another place, or as a link" % ascii(e.filename))
            if len({os.path.dirname(name) for name in names}) > 1:
                self.wrong.append("there is more than one log in the archive")
        else:
            if bundle:
                self.log = os.path.join(path, "log")
            names = os.listdir(self.log)
            beside = [os.path.join("..", name) for name in BESIDE if bundle and os.path.lexists(os.path.join(path, name))]
            if bundle and os.path.islink(self.log):
                self.wrong.append("log is a link")
            folder = os.path.join("..", "blobs") if bundle else "blobs"
            texts = [os.path.join(folder, name) for name in self.listed(folder)]
        self.segments, self.hashes = {}, {}
        for name in names:
            match = re.fullmatch(r"(?:.*/)?([0-9]{20})\.(jsonl|hashes)", name)
            if match and 0 < int(match[1]) < 1 << 63:
                kind, number = self.segments if match[2] == "jsonl" else self.hashes, int(match[1])
                if number in kind:
                    self.wrong.append("%s is in the archive twice" % name)
                elif self.is_regular(name):
                    kind[number] = name
        self.texts = {os.path.basename(name): name for name in texts if re.fullmatch("[0-9a-f]{64}", os.path.basename(name)) and self.is_regular(name)}
        self.beside = [name for name in beside if self.is_regular(name)]  # what a bundle says of its log

    def listed(self, folder):
        """The names in a folder beside the segments; none if it is not there."""
        try:
            return os.listdir(os.path.join(self.log, folder))
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            self.wrong.append("%s is no folder" % os.path.basename(folder))
            return []

    def is_regular(self, name):
        """Whether a file is one, and no link, or a pipe that would never end."""
        if self.zip or stat.S_ISREG(os.lstat(os.path.join(self.log, name)).st_mode):
            return True
        self.wrong.append("%s is no regular file" % name)
        return False

    def first_segment(self):
        """The record with which the oldest segment that is still there begins."""
        names = [re.fullmatch(r"([0-9]{20})\.jsonl", name) for name in os.listdir(self.log)]
        return min([int(match[1]) for match in names if match] or [0])

    def open(self, name):
        return self.zip.open(name) if self.zip else open(os.path.join(self.log, name), "rb")

    def in_use(self):
        """Whether a process writes the log: it holds the file lock."""
        path = os.path.join(self.log, "lock")
        if self.bundle or fcntl is None or not os.path.isfile(path):
            return False
        with open(path, "rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


# ---- Verifying ("Verifying": its points are numbered below) ----------------------------------------------------------


class Verifier:
    def __init__(self, files, keys=(), copies=(), allow_unsigned=False, every=10, records=10000):
        self.files, self.given, self.copies, self.allow_unsigned = files, list(keys), list(copies), allow_unsigned
        self.every, self.records, self.in_use = every, records, False
        self.behind, self.unsigned_times = None, []  # place of the first line behind that, earliest and latest time there
        self.faults, self.remarks, self.count = [], [], 0  # count: of the faults, of which MAX_FAULTS are kept
        self.file, self.byte, self.seq, self.first = "", 0, 0, None  # where we are; first: of the records that are there
        self.tree, self.signed, self.note = Tree(), 0, None  # signed: the record of the last checkpoint, which is note
        self.commits = []  # that the next record may have, besides its own seq
        self.begun = 0  # the size of the tree before the first record that is there
        self.times, self.roots, self.wanted = [], {}, {copy.size for copy in copies}
        self.name, self.key, self.retiring = None, None, []  # retiring: must sign the next checkpoint before key does
        self.keys, self.stretch, self.signers = {}, 0, []  # stretches of the log between keys that were lost
        self.calls, self.stopped = {}, False  # calls: the open ones, in order, with the seq of their intents and where those are
        self.bytes = 0  # of all lines so far
        self.previous, self.signatures = None, []  # the last checkpoint (seq, bytes before it, leaf), and those since
        self.frozen, self.unfrozen = None, False  # the last record that states freezes (as previous); it may be one that is not there
        self.stating = False  # a checkpoint has stated something: from then on each must
        self.damaged = self.lossy = False  # records since the last checkpoint, or since the last start, were at fault
        self.hidden = False  # intents may be among records that are not there
        self.removed = []  # hashes without segment: (first, last)
        self.plans, self.more_plans = {}, False  # that records name: the place and seq of the first one, and the last seq
        self.pruned = self.pruning = 0  # all up to here may have been removed; pruning: by records that are not signed yet

    def fault(self, text):
        self.fault_at("record %d" % self.seq, (self.file, self.byte), text)

    def fault_at(self, what, place, text):
        self.damaged = self.lossy = True
        self.count += 1
        if self.count <= MAX_FAULTS:
            self.faults.append("%s, %s byte %d: %s" % (what, place[0] or "-", place[1], text))

    def fault_behind(self, last, text):
        """A fault of some record behind the last checkpoint, up to this one."""
        self.fault_at("records %d to %d" % (min(self.signed + 1, last), last), self.behind or (self.file, self.byte), text)

    def run(self):
        self.in_use = self.files.in_use()
        self.read_files()
        self.in_use = self.files.in_use() or self.in_use
        self.byte = 0
        self.check_removed()
        self.check_beside()
        self.check_given_keys()
        self.check_copies()
        self.check_plans()
        self.check_end()
        return not self.faults

    # Point 1: the files.

    def read_files(self):
        segments, hashes = self.files.segments, self.files.hashes
        for text in self.files.wrong:
            self.fault(text)
        numbers = sorted(set(segments) | set(hashes))
        if not segments:
            return self.fault("there is no segment here")
        if numbers[0] != 1:
            self.begin(numbers[0])
        for number, following in zip(numbers, numbers[1:] + [None]):
            self.file, self.byte = segments.get(number, hashes.get(number)), 0
            if number != self.seq + 1:
                self.fault("the file begins with record %d, where %d follows" % (number, self.seq + 1))
                self.seq = number - 1
            try:
                with self.open(number) as stream:
                    (self.read_segment if self.file.endswith(".jsonl") else self.read_hashes)(stream, following)
            except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as e:
                self.fault("cannot be read: %s" % e)

    def open(self, number):
        """The stream of self.file, or of the hashes that are left of it if it was pruned since the files were listed."""
        try:
            return self.files.open(self.file)
        except FileNotFoundError:
            self.file = "%020d.hashes" % number
            return self.files.open(self.file)

    def begin(self, number):
        """A bundle begins with any checkpoint record, whose peaks are the tree so far (read_record takes them)."""
        self.seq = self.signed = number - 1
        if not self.files.bundle:
            self.seq, self.file = 0, ""
            self.fault("the log begins with record %d: the files before it are missing" % number)
            self.seq = number - 1

    def read_hashes(self, stream, following):
        first, self.behind = self.seq + 1, self.behind or (self.file, 0)
        if self.first is not None and first not in self.files.segments:
            self.fault("records behind kept ones were removed: only the oldest ever are")
        # Of what stands behind, intents, checkpoints and the bytes between may be here.
        self.first, self.bytes, self.previous, self.signatures, self.calls = None, 0, None, [], {}
        self.frozen, self.unfrozen = None, True
        while True:
            leaf = stream.read(32)
            if len(leaf) < 32:
                break
            self.seq, self.byte = self.seq + 1, self.byte + 32
            self.add_leaf(leaf)
        if leaf or following is None or following != self.seq + 1:
            self.fault("the hashes do not end where the next file begins")
        self.removed.append((first, self.seq, self.file))

    def read_segment(self, stream, following):
        self.commits = []
        while True:
            line = stream.readline(MAX_LINE + 1)
            line, zero, behind = line.partition(b"\x00")
            if zero or not line.endswith(b"\n"):
                break
            if len(line) > MAX_LINE:
                self.fault("a line is longer than %d bytes" % MAX_LINE)
            self.read_record(line[:-1])
            self.byte, self.bytes = self.byte + len(line), self.bytes + len(line)
        if len(line) > MAX_LINE:
            self.fault("a line is longer than %d bytes" % MAX_LINE)
        elif zero and self.goes_on(stream, behind, self.byte + len(line)):
            self.fault("bytes other than zero stand behind zeros: damage, or what a loss of power left")
        elif following is not None and (line or zero):
            self.fault("a closed segment does not end with a line feed")
        elif line and not self.allow_unsigned and not self.in_use:
            self.fault("an incomplete line stands behind this record (where the gateway was killed: --allow-unsigned)")

    def goes_on(self, stream, behind, zero):
        """Whether other bytes than zeros follow the first zero. While the log is written, it may have become a record."""
        while behind and not behind.strip(b"\x00"):
            behind = stream.read(1 << 20)
        if not behind:
            return False
        if self.files.zip:
            return True
        with self.files.open(self.file) as again:
            again.seek(zero)
            return again.read(1) == b"\x00"

    # Point 2: the lines.

    def read_record(self, line):
        expected, self.seq = self.seq + 1, self.seq + 1
        try:
            record = parse_line(line)
        except Fault as e:
            self.fault(e)
            return self.add_leaf(leaf_hash(line))
        self.seq = record["seq"]
        if self.seq != expected:
            self.fault("seq is %d, where %d follows" % (self.seq, expected))
        if record["commit"] not in self.commits + [self.seq]:
            follow = " or ".join(str(n) for n in self.commits + [self.seq])
            self.fault("commit is %d, where %s follows" % (record["commit"], follow))
        # The next record may go on with this commit, but for a checkpoint's, which is of the checkpoint alone.
        self.commits = [] if record["kind"] == "checkpoint" else [record["commit"]]
        if self.first is None:
            self.first = self.seq
            self.hidden = self.unfrozen = self.seq > 1
        self.times.append(record["time"])
        del self.times[1:-1]
        self.name_plans(record)
        self.check_kind(record, line)
        self.note_freezes(record, line)
        if self.signed != self.seq:
            self.behind = self.behind or (self.file, self.byte)
            times = self.unsigned_times + [record["time"]]
            self.unsigned_times = [min(times), max(times)]
        self.add_leaf(leaf_hash(line))

    def note_freezes(self, record, line):
        """A start, and each event of a freeze, states all freezes that are in force behind it."""
        if record["kind"] == "start" or record["kind"] == "event" and record.get("event") in ("frozen", "unfrozen", "freezes"):
            self.unfrozen, self.frozen = False, self.place_of(line) if record.get("freezes") else None

    def place_of(self, line):
        return self.seq, self.bytes, base64.b64encode(leaf_hash(line)).decode()

    def add_leaf(self, leaf):
        self.tree.add(leaf)
        if self.tree.size in self.wanted:
            self.roots[self.tree.size] = self.tree.root()

    def check_kind(self, record, line):
        kind = record["kind"]
        if self.stopped and kind not in ("checkpoint", "outcome", "start"):
            self.fault("%s behind a stop record, without a start record" % ascii(kind))
            self.stopped = False
        check = {
            "checkpoint": lambda: self.check_checkpoint(record, line),
            "key": lambda: self.check_key(record),
            "prune": lambda: self.check_prune(record),
            "start": lambda: self.check_start(record),
            "stop": self.check_stop,
            "intent": lambda: self.check_intent(record),
            "refusal": lambda: self.check_refusal(record.get("call")),
            "outcome": lambda: self.check_outcome(record.get("call")),
        }.get(kind)
        try:
            if check:
                check()
        except Fault as e:
            self.fault(e)

    # Point 3: checkpoints and keys.

    def check_checkpoint(self, record, line):
        note, key = parse_note(record.get("checkpoint")), parse_key(record.get("key"))
        peaks = self.parse_peaks(record.get("peaks", []), note)
        if note.size != self.seq - 1:
            raise Fault("the checkpoint is of %d records, its record is not the one behind them" % note.size)
        self.check_signatures(note, key)
        state = parse_state(record)
        if line != checkpoint_line(note, record["checkpoint"], record["key"], peaks, state):
            self.fault("the line is not the one that follows from its note, key, peaks and state")
        if self.first == self.seq != 1 and not self.removed:
            self.tree, self.begun = Tree(note.size, peaks), note.size  # point 1: a bundle's beginning
            if note.size in self.wanted:
                self.roots[note.size] = note.root
        if self.tree.size != note.size or self.tree.root() != note.root:
            self.fault_behind(note.size, "these are not the records that record %d signs" % self.seq)
            self.tree = Tree(note.size, peaks)  # go on from what was signed, to say where else faults are
        believe = self.damaged or self.unfrozen
        self.check_state(state)
        self.previous, self.signatures, self.damaged = self.place_of(line), [], False
        if believe and any(state):
            self.unfrozen, self.frozen = False, self.seen_from_start(state[3])
        self.signed, self.pruned, self.note = self.seq, self.pruning, record["checkpoint"]
        self.behind, self.unsigned_times = None, []

    def check_state(self, state):
        """What is stated is what stands before; where that is not there, it may be."""
        if self.damaged or not (any(state) or self.stating):
            return
        self.stating = True
        start, signatures, previous, frozen = state
        unseen = self.previous is None and self.first != 1
        if not (unseen and self.is_missing(previous)):
            if self.seen_from_start(previous) != self.previous:
                self.fault("it states another checkpoint before it than there is")
        if not unseen and signatures != self.signatures:
            self.fault("it states other signatures since the checkpoint before it than the intents there have")
        if not (self.lossy or self.hidden and self.is_missing(start)):
            seq, at = next(iter(self.calls.values()), (0, 0))
            if start != ((seq, self.bytes - at, None) if seq else None):
                self.fault("it states another oldest call without outcome than there is")
        possible = frozen is None or self.is_missing(frozen)
        if not possible if self.unfrozen else self.seen_from_start(frozen) != self.frozen:
            self.fault("it states another record of the freezes in force than there is")

    def seen_from_start(self, place):
        """A place with the bytes in front of its line, instead of those from there to here."""
        return place and (place[0], self.bytes - place[1], place[2])

    def is_missing(self, place):
        """Whether a place is of a record that is not there."""
        return place is not None and place[0] < self.first and place[1] > self.bytes

    def parse_peaks(self, texts, note):
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise Fault("the peaks are not a list of texts")
        peaks = [unbase64(text, 32, "a peak") for text in texts]
        if len(peaks) != bin(note.size).count("1") or Tree(note.size, peaks).root() != note.root:
            raise Fault("the peaks' root is not the checkpoint's")
        return peaks

    def check_signatures(self, note, key):
        """By the key that is in force, after the one that retires; by none else."""
        if self.key is None:
            if self.first == 1:
                raise Fault("a checkpoint before the first key record")
            self.use_key(key)
            if len(note.signatures) == 2:  # the one in front is of a key that only the missing records name
                self.retiring = [known for known in self.given if signed_by(note, note.signatures[0], known)][:1]
        if key.text != self.key.text:
            raise Fault("the checkpoint is of the key %s, where %s signs" % (key.text, self.key.text))
        demanded = self.retiring + [self.key]
        if len(note.signatures) != len(demanded):
            raise Fault("the checkpoint has %s, and needs %d" % (count(len(note.signatures), "signature"), len(demanded)))
        for signature, signer in zip(note.signatures, demanded):
            if not signed_by(note, signature, signer):
                raise Fault("the checkpoint is not signed by %s" % signer.text)
            self.signers.append((self.stretch, signer.text))
        self.retiring = []

    def check_key(self, record):
        key, previous = parse_key(record.get("key")), record.get("previous_key")
        if self.key is None and self.first != 1 and previous is not None:
            self.use_key(parse_key(previous))
        lost = record.get("key_lost", False)
        if previous != (self.key.text if self.key else None):
            raise Fault("previous_key is not the key that signs until here")
        if key == self.key or (lost and previous is None) or lost not in (True, False):
            raise Fault("the key signs already, or none could be lost")
        if self.retiring and not lost:
            raise Fault("no checkpoint stands between this key record and the one before")
        if lost:
            self.stretch += 1
            self.remarks.append("record %d: the key before was lost, no signature leads to the new one" % self.seq)
        self.retiring = [self.key] if self.key and not lost else []
        self.use_key(key)

    def use_key(self, key):
        if self.name not in (None, key.name):
            raise Fault("the key is of %s, the log of %s" % (key.name, self.name))
        self.name, self.key = key.name, key
        self.keys[key.text] = key

    # Point 4: calls, starts and stops.

    def check_intent(self, record):
        call, signed = record.get("call"), record.get("signature_hash", "")
        if record.get("effect") != "read" and 0 < len(signed.encode()) <= 128:
            self.signatures.append((signed, record.get("signature_date")))
        if not call:
            raise Fault("an intent without a call")
        self.check_refusal(call)
        self.calls[call] = (self.seq, self.bytes)

    def check_refusal(self, call):
        if call in self.calls:
            raise Fault("call %s has an intent already, record %d" % (ascii(call), self.calls[call][0]))

    def check_outcome(self, call):
        if call not in self.calls and not self.hidden:
            raise Fault("an outcome of call %s, which is not open" % ascii(call))
        self.calls.pop(call, None)

    def check_start(self, record):
        self.stopped = self.hidden = self.lossy = False
        if record.get("unsigned"):
            self.remarks.append("record %d: %s records were not signed when the log was opened" % (
                self.seq, ascii(record["unsigned"])))
        if self.calls:
            call, (seq, _) = next(iter(self.calls.items()))
            open_calls = count(len(self.calls), "call")
            self.calls = {}
            raise Fault("a start behind %s without an outcome, the first: %s of record %d" % (open_calls, ascii(call), seq))

    def check_stop(self):
        self.stopped = True

    # Point 5: what was removed.

    def check_prune(self, record):
        first, last = record.get("first"), record.get("last")
        if type(first) is not int or type(last) is not int or not 1 <= first <= last < self.seq:
            raise Fault("first and last are not records before this one")
        self.pruning = max(self.pruning, last)

    def check_removed(self):
        for first, last, file in self.removed:
            if last > self.pruned and not self.files.bundle:
                self.file, self.seq, at = file, first, self.seq
                self.fault("records %d to %d are not there, and no signed prune record says why" % (first, last))
                self.seq = at

    # What a bundle has besides its log: its checkpoint and keys must be those of the log.

    def check_beside(self):
        for name in self.files.beside:
            try:
                with self.files.open(name) as stream:
                    text = stream.read(MAX_COPIES).decode("utf-8", "replace")
            except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as e:
                self.fault("%s cannot be read: %s" % (os.path.basename(name), e))
                continue
            if name.endswith("checkpoint.txt"):
                same = text == self.note
            else:
                same = self.key is not None and text.split("\n")[-2:] == [self.key.text, ""]
            if not same:
                self.fault("%s of the bundle is not that of its log: it was replaced" % os.path.basename(name))

    # Point 6: the keys that the reviewer trusts.

    def check_given_keys(self):
        signers = {text for _, text in self.signers}
        for key in self.given:
            if key.text not in signers:
                self.fault("the key given, %s, has signed nothing here" % key.text)
        trusted = any(text in {key.text for key in self.given} for stretch, text in self.signers if stretch == self.stretch)
        if self.given and self.stretch and not trusted:
            self.fault("a key was lost, and none of those that signed behind that was given")

    # Point 7: checkpoints kept elsewhere.

    def check_copies(self):
        for copy in self.copies:
            what = "the checkpoint kept elsewhere, of %d records," % copy.size
            if copy.size < self.begun:
                self.remarks.append(what + " is older than this bundle, and was not compared")
                continue
            if not any(signed_by(copy, s, key) for s in copy.signatures for key in self.keys.values()):
                self.fault(what + " is signed by no key of this log")
            if copy.size > self.tree.size:
                self.fault(what + " is larger than the log: its end was cut, or an old state brought back")
            elif self.roots.get(copy.size) != copy.root:
                self.fault(what + " is of other records")

    # Point 10: the texts of plans.

    def name_plans(self, record):
        data = record.get("data", {}) if record["kind"] == "event" else {}
        named = [data.get("plan", ""), data.get("plan_before", "")]  # of unknown events they may be anything
        for plan in [record.get("plan")] + [text for text in named if re.fullmatch("[0-9a-f]{16}", text)]:
            if plan and (plan in self.plans or len(self.plans) < MAX_PLANS):
                first = self.plans.get(plan, (self.seq, (self.file, self.byte)))
                self.plans[plan] = (first[0], first[1], self.seq)
            elif plan and not self.more_plans:
                self.more_plans = True
                self.fault("it names one more plan than the %d that are followed" % MAX_PLANS)

    def check_plans(self):
        there = set()
        for name, path in sorted(self.files.texts.items()):
            try:
                whole = self.hash_of(path) == name
            except FileNotFoundError:  # pruned since the files were listed
                continue
            except (OSError, EOFError, zipfile.BadZipFile, zlib.error):
                whole = False
            there.add(name[:16])
            if not whole:
                seq, place, _ = self.plans.get(name[:16], (0, ("", 0), 0))
                self.fault_at("record %d" % seq, place, "the text of a plan was changed, or cannot be read: %s" % name)
        kept = 0 if self.files.bundle or not self.in_use else self.files.first_segment()
        for plan, (seq, place, last) in sorted(self.plans.items()):
            if plan not in there and last >= kept:
                self.fault_at("record %d" % seq, place, "it names the plan %s, whose text is missing" % ascii(plan[:64]))

    def hash_of(self, path):
        """The hash of the text in a file, or of its beginning where it is longer than one can be."""
        with self.files.open(path) as stream:
            return hashlib.sha256(stream.read(MAX_TEXT + 1)).hexdigest()

    # Points 8 and 9: behind the last checkpoint.

    def check_end(self):
        unsigned = self.seq - self.signed
        if unsigned <= 0 or self.allow_unsigned:
            return
        if not self.in_use:
            return self.fault_behind(self.seq, "the last %s not signed (where the gateway was killed: --allow-unsigned)" % are(unsigned))
        times = [seconds(text) - time.time() for text in self.unsigned_times] or [0]
        if unsigned > self.records + TAIL_RECORDS:
            self.fault_behind(self.seq, "the last %s not signed, more than the process that writes the log leaves so "
                "(--checkpoint-records)" % are(unsigned))
        elif max(-times[0], times[-1]) > self.every + TAIL_SECONDS:
            self.fault_behind(self.seq, "the last %s not signed, though of another time than now: the process that writes the log "
                "would have signed them, unless its disk or its clock is wrong, or it is starting (--checkpoint-every)" % are(unsigned))
        else:
            self.remarks.append("the log is being written; the last %s not signed yet" % are(unsigned))

    def summary(self):
        yield "log %s, records %d to %d, %s" % (self.name, self.first or 0, self.seq, " to ".join(self.times))
        yield "root of %d records: %s" % (self.tree.size, base64.b64encode(self.tree.root()).decode())
        for first, last, _ in self.removed:
            yield "records %d to %d are there as hashes" % (first, last)
        for text in dict.fromkeys(text for _, text in self.signers):
            given = text in {key.text for key in self.given}
            yield "signed by %s%s" % (text, ", as given" if given else "")
        if not self.given:
            yield "no --key was given: who holds the disk could have made all of this with a key of their own"


def count(n, noun):
    return "%d %s%s" % (n, noun, "" if n == 1 else "s")


def are(n):
    return count(n, "record") + (" is" if n == 1 else " are")


def read_text(path):
    with open(path, "rb") as stream:
        data = stream.read(MAX_COPIES + 1)
    if len(data) > MAX_COPIES:
        raise Fault("%s is larger than %d bytes" % (path, MAX_COPIES))
    return data.decode("utf-8")


def read_keys(text):
    """A key, or a file with one in each line; lines that begin with # are remarks."""
    if not os.path.isfile(text):
        return [parse_key(text)]
    lines = [line.strip() for line in read_text(text).split("\n")]
    keys = [parse_key(line) for line in lines if line and not line.startswith("#")]
    if not keys:
        raise Fault("%s has no public key" % text)
    return keys


def read_copies(path):
    """Notes as they are, or the lines of JSON of "Copies elsewhere"."""
    text = read_text(path)
    if not text.startswith("{"):
        return [parse_note(text)]
    lines = text.split("\n")
    if not lines[-1]:  # the last line may lack its line feed
        lines.pop()
    lines = [line for line in lines if not partial(line)]
    if not lines:
        raise Fault("%s has no whole line" % path)
    return [parse_copy(json.loads(line, object_pairs_hook=unique)) for line in lines]


def partial(line):
    """Returns whether a crash or a full disk cut the line: it is the beginning of one, perhaps with zeros behind it."""
    whole = line.rstrip("\0")
    return bool(line) and (not whole or whole.startswith("{") and not whole.endswith("}"))


def parse_copy(copy):
    if not isinstance(copy, dict):
        raise Fault("a checkpoint kept elsewhere is one JSON object a line")
    note = parse_note(copy.get("checkpoint"))
    said = (copy.get("log"), copy.get("size"), copy.get("root"), copy.get("time"))
    if said != (note.name, note.size, base64.b64encode(note.root).decode(), note.time):
        raise Fault("a line's members are not those of its checkpoint")
    return note


# ---- The proof of a call (docs/audit-proof.md, "Proof of a call") -----------------------------------------------------


def read_proof(path):
    """The bytes of a proof; None if the file is none, but an archive."""
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as f:
        return f.read(MAX_PROOF + 1) if f.read(1) == b"{" and f.seek(0) == 0 else None


def verify_proof(data, given=()):
    """What the proof states, in lines."""
    if len(data) > MAX_PROOF:
        raise Fault("a proof is not longer than %d bytes" % MAX_PROOF)
    text = data.decode("utf-8")
    proof = json.loads(text, object_pairs_hook=unique)
    if not isinstance(proof, dict) or proof.get("type") != "tollgate call proof 1":
        raise Fault("it is no proof of a call that this program knows")
    if json.dumps(proof, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n" != text:
        raise Fault("it is not spelt as it should be: in the form of RFC 8785, with one line feed at the end")
    call, records, names = proof.get("call"), proof.get("records"), proof.get("keys")
    if set(proof) != {"type", "call", "records", "checkpoint", "keys"} or not isinstance(call, str) or not call:
        raise Fault("a member is missing, or unknown")
    if not isinstance(names, list) or not isinstance(records, list) or not 0 < len(records) <= MAX_PROVEN:
        raise Fault("a proof has 1 to %d records, and the keys that signed" % MAX_PROVEN)
    note = parse_note(proof["checkpoint"])
    check_signers(note, [parse_key(name) for name in names], given)
    places = [0]
    for record in records:
        places.append(check_record(record, call, note))
        if places[-1] <= places[-2]:
            raise Fault("the records are not in the order of the log")
    yield "call %s: record %s of the log %s" % (ascii(call)[1:-1], " and ".join(map(str, places[1:])), note.name)
    yield "in the tree of %d records that was signed at %s" % (note.size, note.time)
    for name in names:
        yield "by %s" % name


def check_signers(note, keys, given):
    """Each key signed the note, in this order, and no other did; one of them is given, if any is."""
    if not keys or len(set(keys)) != len(keys) or len(keys) != len(note.signatures):
        raise Fault("the checkpoint has %s, and the proof %s" % (count(len(note.signatures), "signature"), count(len(keys), "key")))
    for signature, key in zip(note.signatures, keys):
        if not signed_by(note, signature, key):
            raise Fault("the checkpoint is not signed by %s" % key.text)
    if given and not any(key in given for key in keys):
        raise Fault("it is signed by %s, which is not the key given" % keys[-1].text)


def check_record(record, call, note):
    """The number of a record that is in the tree."""
    if not isinstance(record, dict) or set(record) != {"line", "path"} or not isinstance(record["line"], str) or not isinstance(record["path"], list):
        raise Fault("a record of a proof is a line and a path")
    line = record["line"].encode("utf-8")
    if len(line) >= MAX_LINE:
        raise Fault("a line is longer than %d bytes" % MAX_LINE)
    parsed = parse_line(line)
    seq = parsed["seq"]
    if parsed.get("call") != call:
        raise Fault("record %d is of another call" % seq)
    path = [unbase64(node if isinstance(node, str) else "", 32, "a node") for node in record["path"]]
    if not 0 < seq <= note.size or root_above(leaf_hash(line), seq - 1, note.size, path) != note.root:
        raise Fault("record %d: the line, its place or its path is not what the checkpoint covers" % seq)
    return seq


def root_above(node, at, size, path):
    """RFC 9162 section 2.1.3.2; None for a path of another length."""
    last = size - 1
    for beside in path:
        if not last:
            return None
        if at & 1 or at == last:
            node = node_hash(beside, node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, beside)
        at, last = at >> 1, last >> 1
    return node if not last else None


def say_proof(data, keys):
    try:
        for line in verify_proof(data, keys):
            say(line)
    except (ValueError, RecursionError) as e:
        say("FAULT %s" % e)
        say("NOT PROVEN")
        return 1
    if not keys:
        say("note: no --key was given: the proof shows only that the holder of the key in it says so")
    say("proven")
    return 0


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Verifies an audit log of Tollgate from its files alone.")
    parser.add_argument("log", metavar="DIR|BUNDLE.zip|PROOF.json")
    parser.add_argument("--bundle", action="store_true", help="DIR is the folder that a bundle was unpacked into (an archive always is one)")
    parser.add_argument("--key", metavar="PUB|FILE", action="append", default=[],
                        help="public key kept elsewhere, NAME+HASH+KEY, or a file of such lines")
    parser.add_argument("--since-checkpoint", metavar="FILE", action="append", default=[], help="checkpoints kept elsewhere")
    parser.add_argument("--allow-unsigned", action="store_true", help="records behind the last checkpoint are no fault")
    parser.add_argument("--checkpoint-every", metavar="SECONDS", type=float, default=10,
                        help="audit.checkpoints.every of a gateway that writes the log meanwhile (default 10)")
    parser.add_argument("--checkpoint-records", metavar="N", type=int, default=10000,
                        help="audit.checkpoints.records of it (default 10000)")
    options = parser.parse_args(arguments)
    try:
        keys = [key for text in options.key for key in read_keys(text)]
        proof = read_proof(options.log)
        if proof is not None:
            return say_proof(proof, keys)
        copies = [copy for path in options.since_checkpoint for copy in read_copies(path)]
        files = Files(options.log, options.bundle)
        if not files.segments and not files.bundle and os.path.isdir(os.path.join(options.log, "log")):
            raise Fault("%s is no log's directory; the folder of a bundle is verified with --bundle" % options.log)
    except (OSError, ValueError, zipfile.BadZipFile) as e:
        parser.error(str(e))
    if not (0 < options.checkpoint_every <= 3600 and 0 < options.checkpoint_records <= 1000000):
        parser.error("--checkpoint-every is up to 3600, --checkpoint-records 1 to 1000000")
    verifier = Verifier(files, keys, copies, options.allow_unsigned, options.checkpoint_every, options.checkpoint_records)
    whole = verifier.run()
    for line in verifier.summary():
        say(line)
    for remark in verifier.remarks:
        say("note: " + remark)
    for fault in verifier.faults:
        say("FAULT " + fault)
    say("whole" if whole else "NOT WHOLE: " + count(verifier.count, "fault"))
    return 0 if whole else 1


def say(text):
    print(text.encode("ascii", "backslashreplace").decode())  # names of files may be what a terminal cannot show


if __name__ == "__main__":
    try:
        status = main()
        sys.stdout.flush()
    except Exception:  # of which Python would make the status 1
        traceback.print_exc()
        status = 2
    sys.exit(status)
