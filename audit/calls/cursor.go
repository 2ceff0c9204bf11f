package calls

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxCursorText is more than any cursor has.
const maxCursorText = 256

// nameText writes names of logs in characters that addresses take as they are.
var nameText = base64.RawURLEncoding.Strict()

// String returns the cursor as a text of letters, digits, "-", "_" and ".", for addresses; [ParseCursor] reads it. That of the zero
// cursor is empty. It is "MICROSECONDS.ORDER.SEQ.LOG", or "SEQ.LOG" behind an open call.
func (c Cursor) String() string {
	if c.Seq == 0 {
		return ""
	}
	var b []byte
	if !c.open() {
		b = append(strconv.AppendInt(b, c.Merged.UnixMicro(), 10), '.')
		b = append(strconv.AppendUint(b, c.Order, 10), '.')
	}
	b = append(strconv.AppendUint(b, c.Seq, 10), '.')
	return string(nameText.AppendEncode(b, []byte(c.Log)))
}

// ParseCursor reads what [Cursor.String] writes, and nothing else.
func ParseCursor(text string) (Cursor, error) {
	if len(text) > maxCursorText {
		return Cursor{}, fmt.Errorf("the cursor has %d bytes, of at most %d", len(text), maxCursorText)
	}
	c, ok := parsePlace(text)
	if !ok || c.String() != text { // each cursor has one text
		return Cursor{}, fmt.Errorf("%.60q is no cursor of a page", text)
	}
	return c, nil
}

// zeroMicros is the least of Placed.Merged.
var zeroMicros = time.Time{}.UnixMicro()

func parsePlace(text string) (c Cursor, ok bool) {
	if text == "" {
		return c, true
	}
	parts := strings.Split(text, ".")
	if c.Order = math.MaxUint64; len(parts) == 4 {
		micros, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil || micros < zeroMicros {
			return c, false
		}
		c.Merged = time.UnixMicro(micros).UTC()
		if c.Order, err = strconv.ParseUint(parts[1], 10, 64); err != nil || c.open() {
			return c, false
		}
		parts = parts[2:]
	}
	if len(parts) != 2 {
		return c, false
	}
	seq, err := strconv.ParseUint(parts[0], 10, 64)
	name, unread := nameText.DecodeString(parts[1])
	c.Seq, c.Log = seq, string(name)
	return c, err == nil && unread == nil && len(name) <= MaxLogName && seq > 0 && seq <= c.Order
}
