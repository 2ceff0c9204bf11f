package service

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"tollgate/internal/text"
)

// textEncoder writes log entries for people: the time of the day, the level, the message, and the fields as name=value. A value of several
// lines, such as the problems of a configuration, follows in lines of its own. All of it is printable, since texts of peers are in it, and
// only the first line of an entry begins at the margin.
type textEncoder struct {
	zapcore.Encoder // of the fields, as JSON
	zone            *time.Location
}

func newTextEncoder(zone *time.Location) textEncoder {
	return textEncoder{zapcore.NewJSONEncoder(zapcore.EncoderConfig{EncodeTime: zapcore.RFC3339TimeEncoder, EncodeDuration: zapcore.StringDurationEncoder, SkipLineEnding: true}), zone}
}

// Clone implements [zapcore.Encoder].
func (e textEncoder) Clone() zapcore.Encoder { return textEncoder{e.Encoder.Clone(), e.zone} }

// messageWidth is how wide messages are made, so that the fields of most entries stand below each other.
const messageWidth = 40

var lines = buffer.NewPool()

// EncodeEntry implements [zapcore.Encoder].
func (e textEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	object, err := e.Encoder.EncodeEntry(zapcore.Entry{}, fields)
	if err != nil {
		return nil, err
	}
	defer object.Free()
	inline, below, err := fieldTexts(object.Bytes())
	if err != nil {
		return nil, fmt.Errorf("writing the fields of a log entry: %w", err)
	}
	message := entry.Message
	if entry.LoggerName != "" {
		message = entry.LoggerName + ": " + message
	}
	line := fmt.Sprintf("%s %-5s %-*s  %s", entry.Time.In(e.zone).Format("15:04:05.000"), entry.Level.CapitalString(), messageWidth,
		text.Printable(message, '\uFFFD'), strings.Join(inline, " "))
	b := lines.Get()
	b.AppendString(strings.TrimRight(line, " ") + "\n")
	for _, one := range below {
		b.AppendString("    " + one + "\n")
	}
	return b, nil
}

// fieldTexts returns the members of a JSON object as name=value, and the lines of those that have several.
func fieldTexts(object []byte) (inline, below []string, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil { // the brace
		return nil, nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, nil, err
		}
		label := text.Printable(fmt.Sprint(name), '\uFFFD')
		one, several := valueTexts(value)
		if several == nil {
			inline = append(inline, label+"="+one)
			continue
		}
		below = append(below, label+":")
		for _, line := range several {
			below = append(below, "  "+line)
		}
	}
	return inline, below, nil
}

// valueTexts returns a value for a line, or its lines if it is a text of several.
func valueTexts(value json.RawMessage) (one string, several []string) {
	var said string
	if json.Unmarshal(value, &said) != nil { // a number, a list or an object: as JSON, with what is not printable replaced
		return text.Printable(string(value), '\uFFFD'), nil
	}
	if trimmed := strings.TrimRight(said, "\n"); strings.Contains(trimmed, "\n") {
		for line := range strings.SplitSeq(trimmed, "\n") {
			several = append(several, text.Printable(line, '\uFFFD'))
		}
		return "", several
	}
	if said == "" || strings.ContainsAny(said, " =\"") || text.Printable(said, '\uFFFD') != said {
		return strconv.Quote(said), nil
	}
	return said, nil
}
