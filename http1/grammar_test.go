package http1_test

import (
	"cmp"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"tollgate/http1"
	"tollgate/http1/http1test"
)

var limits = http1.Limits{Line: 16 << 10, Head: 32 << 10, Fields: 200}

// readAll reads requests as a server would that looks at nothing but Connection and the target, until one is refused or the connection
// ends. The buffer is overwritten between requests. The error is that of the last one's head or body.
func readAll(source io.Reader) (out http1test.Outcome, err error) {
	var reader http1.Reader
	buffer := make([]byte, 4096)
	reader.Reset(source, limits)
	reader.Lend(buffer)
	for {
		got, head, err := readRequest(&reader)
		if err == io.EOF && got == nil {
			return out, nil
		}
		if got == nil {
			out.End = http1test.Refused
			return out, err
		}
		scribble(buffer, &reader)
		out.Read = append(out.Read, got.String())
		switch {
		case got.Broken:
			out.End = http1test.Broken
			return out, err
		case head.Minor == 0 || hasClose(head.Fields):
			out.End = http1test.Closes
			return out, nil
		}
	}
}

// readRequest reads one request; nil if its head is refused.
func readRequest(reader *http1.Reader) (*http1test.Request, *http1.RequestHead, error) {
	head := new(http1.RequestHead)
	if err := reader.ReadRequestHead(head); err != nil {
		return nil, nil, err
	}
	host, err := hostOf(head)
	if err != nil {
		return nil, nil, err
	}
	var body http1.Body
	body.Reset(reader, head.Framing)
	text, err := io.ReadAll(&body)
	got := &http1test.Request{
		Method: head.Method, Target: head.Target, Minor: head.Minor, Host: host,
		Header: headerOf(head.Fields), Body: string(text), Trailer: headerOf(body.Trailer()), Broken: err != nil || !body.Ended(),
	}
	return got, head, err
}

// hostOf returns the host of a request: that of its target has precedence over Host (RFC 9112 section 3.2.2).
func hostOf(head *http1.RequestHead) (string, error) {
	target := head.Target
	if head.Method == http.MethodConnect && target[0] != '/' {
		target = "http://" + target
	}
	parsed, err := url.ParseRequestURI(target)
	if err != nil {
		return "", err
	}
	return cmp.Or(parsed.Host, head.Fields.Get("Host")), nil
}

// scribble overwrites a buffer of which everything was read.
func scribble(buffer []byte, reader *http1.Reader) {
	if reader.Buffered() == 0 {
		for i := range buffer {
			buffer[i] = '#'
		}
	}
}

func headerOf(fields http1.Fields) http.Header {
	h := http.Header{}
	for _, f := range fields {
		h[f.Name] = append(h[f.Name], f.Value)
	}
	return h
}

func hasClose(fields http1.Fields) bool {
	for _, option := range strings.Split(strings.Join(fields.Values("Connection"), ","), ",") {
		if strings.ToLower(strings.Trim(option, " \t")) == "close" {
			return true
		}
	}
	return false
}

// ofServers are cases about which the package has no say.
func ofServers(c *http1test.Case) bool { return c.Status == http.StatusExpectationFailed }

// TestGrammar reads each case of http1test, in pieces of whatever size.
func TestGrammar(t *testing.T) {
	pieces := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "with the end": iotest.DataErrReader,
	}
	for name, in := range pieces {
		t.Run(name, func(t *testing.T) {
			for _, c := range http1test.Requests() {
				if ofServers(&c) || name == "bytes" && len(c.Sent) > 300_000 {
					continue
				}
				want := c.Wanted()
				got, _ := readAll(in(strings.NewReader(c.Stream())))
				if c.End == http1test.Next && !c.Cut { // the probe is the last
					want.End = http1test.Next
				}
				if !got.Equal(want) {
					t.Errorf("%s: got %.600v\nwant %.600v", c.Name, got, want)
				}
			}
		})
	}
}

// The table and the grammar, which are two readings of the RFCs, agree where there is no limit.
func TestExtents(t *testing.T) {
	for _, c := range http1test.Requests() {
		if ofServers(&c) || len(c.Sent) > 50_000 {
			continue
		}
		_, err := readAll(strings.NewReader(c.Stream()))
		requests, end := http1test.Extents(c.Stream())
		if want := c.Wanted(); !isBound(err) && (len(requests) != len(want.Read) || end != want.End) {
			t.Errorf("%s: by the grammar %.300q, then %v; want %.300v", c.Name, requests, end, want)
		}
	}
}
