package calls

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxCursorText is more than any cursor of [MaxLogs] logs has.
const maxCursorText = 4096

// nameText writes names of logs in characters that addresses take as they are.
var nameText = base64.RawURLEncoding.Strict()

// String returns the cursor as a text of letters, digits, "-", "_", "." and "~", for addresses; [ParseCursor] reads it. That of the zero
// cursor is empty. It is the place, which is "MICROSECONDS.ORDER.SEQ.LOG", of an open call "SEQ.LOG", or nothing before the first call; and
// then "~LOG.END" for each of Ends, by name.
func (c Cursor) String() string {
	b := c.placeText(nil)
	for _, log := range slices.Sorted(maps.Keys(c.Ends)) {
		b = append(appendName(append(b, '~'), log), '.')
		b = strconv.AppendUint(b, c.Ends[log], 10)
	}
	return string(b)
}

func (c *Cursor) placeText(b []byte) []byte {
	if c.Seq == 0 {
		return b
	}
	if !c.open() {
		b = append(strconv.AppendInt(b, c.Merged.UnixMicro(), 10), '.')
		b = append(strconv.AppendUint(b, c.Order, 10), '.')
	}
	return appendName(append(strconv.AppendUint(b, c.Seq, 10), '.'), c.Log)
}

func appendName(b []byte, log string) []byte { return nameText.AppendEncode(b, []byte(log)) }

// ParseCursor reads what [Cursor.String] writes, and nothing else.
func ParseCursor(text string) (Cursor, error) {
	if len(text) > maxCursorText {
		return Cursor{}, fmt.Errorf("the cursor has %d bytes, of at most %d", len(text), maxCursorText)
	}
	place, ends, some := strings.Cut(text, "~")
	c, ok := parsePlace(place)
	if some && ok {
		c.Ends, ok = parseEnds(strings.Split(ends, "~"))
	}
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
	name, valid := parseName(parts[1])
	c.Seq, c.Log = seq, name
	return c, err == nil && valid && seq > 0 && seq <= c.Order
}

func parseEnds(parts []string) (map[string]uint64, bool) {
	ends := map[string]uint64{}
	for _, part := range parts {
		name, number, _ := strings.Cut(part, ".")
		log, ok := parseName(name)
		end, err := strconv.ParseUint(number, 10, 64)
		if !ok || err != nil || len(ends) == MaxLogs {
			return nil, false
		}
		ends[log] = end
	}
	return ends, true
}

func parseName(text string) (string, bool) {
	name, err := nameText.DecodeString(text)
	return string(name), err == nil && len(name) <= MaxLogName
}
