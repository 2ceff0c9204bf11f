package accepted

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tollgate/credential"
)

const (
	header       = "tollgate accepted keys 1\n"
	maxAccessKey = 128
	maxEntries   = 500
	maxFile      = len(header) + maxEntries*(maxAccessKey+2+2*len(credential.Fingerprint{}.MAC))
)

// order is that of the lines.
func order(a, b credential.Fingerprint) int {
	return cmp.Or(strings.Compare(a.AccessKey, b.AccessKey), bytes.Compare(a.MAC[:], b.MAC[:]))
}

// encode returns the file's text; "" where nothing is remembered, which no file says as well. What is too much is left out: those keys
// are on trial after a restart.
func encode(all []credential.Fingerprint) string {
	all = slices.DeleteFunc(slices.Clone(all), func(f credential.Fingerprint) bool { return !writable(f.AccessKey) })
	slices.SortFunc(all, order)
	all = slices.Compact(all)
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(header)
	for _, f := range all[:min(len(all), maxEntries)] {
		fmt.Fprintf(&b, "%s %x\n", f.AccessKey, f.MAC)
	}
	return b.String()
}

// parse reads exactly what encode writes.
func parse(text string) (all []credential.Fingerprint, err error) {
	lines, ok := strings.CutPrefix(text, header)
	if !ok {
		return nil, fmt.Errorf("the first line is not %q", strings.TrimSpace(header))
	}
	for line := range strings.Lines(lines) {
		f, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", len(all)+2, err)
		}
		all = append(all, f)
	}
	if encode(all) != text {
		return nil, fmt.Errorf("there are no lines, more than %d, or they are not in order", maxEntries)
	}
	return all, nil
}

func parseLine(line string) (f credential.Fingerprint, err error) {
	accessKey, mac, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	if !writable(accessKey) || len(mac) != hex.EncodedLen(len(f.MAC)) {
		return f, errors.New("it is not an access key and 16 hexadecimal digits")
	}
	f.AccessKey = accessKey
	_, err = hex.Decode(f.MAC[:], []byte(mac))
	return f, err
}

// writable reports whether an access key can stand in a line.
func writable(accessKey string) bool {
	return accessKey != "" && len(accessKey) <= maxAccessKey && !strings.ContainsFunc(accessKey, func(r rune) bool { return r <= ' ' || r > '~' })
}
