// Package checkpoint is the mathematics of a tamper-evident log, without its storage: the Merkle tree over its lines, and
// the signed statements of the tree's size and root.
//
// # Tree
//
// The leaves are the lines of the log, exactly as they stand, without their line feeds. Hashing follows RFC 6962
// section 2.1: a leaf is SHA-256(0x00 || line), a node SHA-256(0x01 || left || right), where the left subtree is the
// largest complete one. The peaks of a tree are the roots of the complete subtrees that it consists of, from left to
// right: from them the tree goes on without the leaves.
//
// # Checkpoint
//
// A checkpoint is a signed note (golang.org/x/mod/sumdb/note; C2SP tlog-checkpoint) over four lines, each ended by a line
// feed: the log's name, the number of leaves in decimal, the root in base64 (RFC 4648 section 4), and, as an extension
// line, when it was signed. An empty line and one line for each signature follow:
//
//	tollgate/5f3a9c20d1e84b67
//	4711
//	nND/nri/U0xuHUrYSy0HtMeal2vzD9V4k/BO79C+QeI=
//	time 2026-10-03T04:05:06.007080900Z
//
//	— tollgate/5f3a9c20d1e84b67 x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
//
// A signature line holds an em dash (U+2014), a space, the key's name, a space, and in base64 the first four bytes of
// SHA-256(name || 0x0A || 0x01 || public key) followed by the Ed25519 signature (RFC 8032) of the four lines.
package checkpoint

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// MaxNote bounds the text of a checkpoint, in bytes.
const MaxNote = 4 << 10

// TimeFormat is RFC 3339 in UTC with nine digits of a second: later times are greater texts. All of a log is written so.
const TimeFormat = "2006-01-02T15:04:05.000000000Z"

// Checkpoint states the size and the root of a log.
type Checkpoint struct {
	Origin string // the log's name
	Size   uint64 // number of leaves
	Root   Hash
	Time   time.Time // when it was signed, UTC
}

// Sign returns the checkpoint as a note, signed with each of the keys, in their order.
func (c Checkpoint) Sign(keys ...*Key) (string, error) {
	signers := make([]note.Signer, len(keys))
	for i, key := range keys {
		signers[i] = key.signer
	}
	signed, err := note.Sign(&note.Note{Text: c.text()}, signers...)
	if err != nil {
		return "", fmt.Errorf("signing a checkpoint: %w", err)
	}
	return string(signed), nil
}

func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\ntime %s\n", c.Origin, c.Size, c.Root, c.Time.UTC().Format(TimeFormat))
}

// Parse reads a note without verifying its signatures.
func Parse(signed string) (Checkpoint, error) {
	if len(signed) > MaxNote {
		return Checkpoint{}, fmt.Errorf("a checkpoint is longer than %d bytes", MaxNote)
	}
	lines := strings.SplitN(signed, "\n", 6)
	if len(lines) < 6 || lines[4] != "" {
		return Checkpoint{}, errors.New("a checkpoint has four lines, an empty one, and signatures")
	}
	var c Checkpoint
	var err error
	c.Origin = lines[0]
	if c.Size, err = strconv.ParseUint(lines[1], 10, 63); err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint's size %q is not a number", lines[1])
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint's root %q is not a hash", lines[2])
	}
	at, _ := strings.CutPrefix(lines[3], "time ")
	if c.Time, err = time.Parse(TimeFormat, at); err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint's fourth line %q is not its time", lines[3])
	}
	if text, _, _ := strings.Cut(signed, "\n\n"); c.text() != text+"\n" {
		return Checkpoint{}, errors.New("the checkpoint is not spelt as it should be")
	}
	return c, nil
}

// Open reads a note that is signed with exactly these keys, in their order, and has no unsigned byte.
func Open(signed string, keys ...PublicKey) (Checkpoint, error) {
	c, err := Parse(signed)
	if err != nil {
		return Checkpoint{}, err
	}
	verifiers := make([]note.Verifier, len(keys))
	for i, key := range keys {
		if verifiers[i], err = key.verifier(); err != nil {
			return Checkpoint{}, err
		}
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifiers...))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint's signature: %w", err)
	}
	if spell(n) != signed || !slices.EqualFunc(n.Sigs, verifiers, signedBy) {
		return Checkpoint{}, errors.New("the checkpoint has other signatures than those of its key")
	}
	if len(keys) == 0 || c.Origin != keys[0].Name() {
		return Checkpoint{}, fmt.Errorf("the checkpoint of the log %q is not signed by a key of that log", c.Origin)
	}
	return c, nil
}

func signedBy(s note.Signature, v note.Verifier) bool {
	return s.Name == v.Name() && s.Hash == v.KeyHash()
}

// spell writes a note as [note.Sign] does: base64 has several spellings, of which only one is accepted.
func spell(n *note.Note) string {
	var b strings.Builder
	b.WriteString(n.Text + "\n")
	for _, s := range n.Sigs {
		raw, err := base64.StdEncoding.Strict().DecodeString(s.Base64)
		if err != nil {
			return ""
		}
		b.WriteString("— " + s.Name + " " + base64.StdEncoding.EncodeToString(raw) + "\n")
	}
	return b.String()
}

// FormatHashes returns peaks as the texts that a record has.
func FormatHashes(hashes []Hash) []string {
	out := make([]string, len(hashes))
	for i, h := range hashes {
		out[i] = h.String()
	}
	return out
}

// ParseHashes reads what FormatHashes returns, and nothing else.
func ParseHashes(texts []string) ([]Hash, error) {
	out := make([]Hash, len(texts))
	for i, text := range texts {
		h, err := tlog.ParseHash(text)
		if err != nil || h.String() != text {
			return nil, fmt.Errorf("%q is not a hash in base64", text)
		}
		out[i] = h
	}
	return out, nil
}
