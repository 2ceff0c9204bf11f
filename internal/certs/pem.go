package certs

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"
)

// block is a PEM block of a file.
type block struct {
	*pem.Block
	number, line int // both from 1; the line is that of BEGIN
}

func (b block) String() string {
	return fmt.Sprintf("PEM block number %d, from line %d", b.number, b.line)
}

// encrypted reports whether the block is a private key that a password opens: PKCS #8, or the older way of OpenSSL (RFC 1421).
func (b block) encrypted() bool {
	return b.Type == "ENCRYPTED PRIVATE KEY" || b.isKey() && strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED")
}

func (b block) isKey() bool {
	return b.Type == "PRIVATE KEY" || strings.HasSuffix(b.Type, " PRIVATE KEY")
}

// certificateType is what a PEM block with a certificate is called (RFC 7468, section 5).
const certificateType = "CERTIFICATE"

var byteOrderMark = []byte("\uFEFF")

// parsePEM returns all blocks of PEM text: one for each BEGIN line, or an error. [pem.Decode] alone passes over damaged blocks in
// silence, and an authority or a part of a chain would be missing without a word. Text between blocks is ignored, and so are blanks
// and a byte order mark in front of a line. The error shows nothing of the text, which may be a key.
func parsePEM(data []byte) ([]block, error) {
	var blocks []block
	var open [][]byte // the lines of a block that has begun
	for i, line := range bytes.Split(data, []byte("\n")) {
		line = bytes.TrimSpace(bytes.TrimPrefix(line, byteOrderMark)) // a mark stands inside too, where cat joined files
		begins, ends := bytes.HasPrefix(line, []byte("-----BEGIN ")), bytes.HasPrefix(line, []byte("-----END "))
		here := block{number: len(blocks) + 1, line: i + 1 - len(open)}
		switch {
		case begins && open != nil:
			return nil, fmt.Errorf("%v, is damaged: the next one begins on line %d, before it has ended", here, i+1)
		case ends && open == nil:
			return nil, fmt.Errorf("PEM block number %d is damaged: line %d ends it, and no line begins it", here.number, i+1)
		case begins || open != nil:
			open = append(open, line)
		}
		if !ends {
			continue
		}
		if here.Block, _ = pem.Decode(bytes.Join(open, []byte("\n"))); here.Block == nil {
			return nil, fmt.Errorf("%v, is damaged: %s", here, damage(open, here.line))
		}
		blocks, open = append(blocks, here), nil
	}
	if open != nil {
		return nil, fmt.Errorf("PEM block number %d is damaged: it begins on line %d and never ends", len(blocks)+1, bytes.Count(data, []byte("\n"))+2-len(open))
	}
	return blocks, nil
}

var (
	frameExpr  = regexp.MustCompile(`^-----(BEGIN|END) ([^-]+)-----$`)
	base64Expr = regexp.MustCompile(`^[A-Za-z0-9+/]*={0,2}$`)
)

// damage returns what is wrong with the lines of a block, the first of which is line number first.
func damage(lines [][]byte, first int) string {
	last := len(lines) - 1
	begin, end := frameExpr.FindSubmatch(lines[0]), frameExpr.FindSubmatch(lines[last])
	switch {
	case begin == nil:
		return fmt.Sprintf("line %d is not of the form -----BEGIN NAME-----", first)
	case end == nil:
		return fmt.Sprintf("line %d is not of the form -----END NAME-----, alone on its line", first+last)
	case !bytes.Equal(begin[2], end[2]):
		return fmt.Sprintf("line %d ends a block of another name", first+last)
	}
	for i, line := range lines[1:last] {
		if !base64Expr.Match(line) && !bytes.Contains(line, []byte(":")) { // a colon: a header
			return fmt.Sprintf("line %d is not base64", first+1+i)
		}
	}
	return fmt.Sprintf("lines %d to %d are not base64 as a whole", first+1, first+last-1)
}
