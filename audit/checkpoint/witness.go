package checkpoint

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json"
)

// ParseWitness returns the note in a line of a file of witnesses: the member "checkpoint" of a JSON object, or "" if it has none. partial
// reports whether the line was cut off by a crash or a full disk, perhaps with zeros behind it where a loss of power left preallocated
// space. Writers of copies go on behind it in a line of their own.
func ParseWitness(line []byte) (note string, partial bool, err error) {
	line = bytes.TrimSpace(line)
	whole := bytes.TrimRight(line, "\x00")
	var kept struct {
		Checkpoint string `json:"checkpoint"`
	}
	err = json.Unmarshal(whole, &kept)
	if len(line) > 0 && (len(whole) == 0 || errors.Is(err, io.ErrUnexpectedEOF)) {
		return "", true, nil
	}
	return kept.Checkpoint, false, err
}

// WitnessLine returns the line of such a file for a note.
func WitnessLine(note string) ([]byte, error) {
	c, err := Parse(note)
	if err != nil {
		return nil, err
	}
	line, err := json.Marshal(struct {
		Log        string `json:"log"`
		Size       uint64 `json:"size"`
		Root       string `json:"root"`
		Time       string `json:"time"`
		Checkpoint string `json:"checkpoint"`
	}{c.Origin, c.Size, c.Root.String(), c.Time.Format(TimeFormat), note})
	return append(line, '\n'), err
}
