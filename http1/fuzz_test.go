package http1_test

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"tollgate/http1"
	"tollgate/http1/http1test"
)

// maxFuzzed keeps seeds small: what is larger is in the tables.
const maxFuzzed = 4 << 10

// FuzzRequests holds what the package reads of a connection against two other readers: it takes what the grammar has and nothing else, and
// net/http reads that alike. So the same bytes are left for what follows. How they come makes no difference.
func FuzzRequests(f *testing.F) {
	for _, c := range http1test.Requests() {
		if len(c.Sent) < maxFuzzed {
			f.Add(c.Stream())
		}
	}
	f.Fuzz(func(t *testing.T, stream string) {
		if len(stream) > maxFuzzed {
			return
		}
		ours, err := readAll(strings.NewReader(stream))
		if inBytes, _ := readAll(iotest.OneByteReader(strings.NewReader(stream))); !ours.Equal(inBytes) {
			t.Fatalf("%q is read as %v, and byte by byte as %v", stream, ours, inBytes)
		}
		if requests, end := http1test.Extents(stream); !isBound(err) && (len(ours.Read) != len(requests) || ours.End != end) {
			t.Fatalf("%q is read as %v; by the grammar it is %q, then %v", stream, ours, requests, end)
		}
		theirs := readAllByNetHTTP(stream, len(ours.Read))
		if !alike(ours, theirs) {
			t.Fatalf("%q is read as\n%q, and by net/http as\n%q", stream, ours.Read, theirs)
		}
	})
}

// isBound reports whether a message was refused for its size, or for its target, about which the grammar says less.
func isBound(err error) bool {
	var bad *url.Error
	return errors.As(err, &bad) || slices.Contains([]error{http1.LineTooLong, http1.HeadTooLarge, http1.TooManyFields, http1.ChunkTooLong, http1.TrailerTooLarge}, err)
}

// alike compares what was read. Of a request whose body is broken that is the head.
func alike(ours http1test.Outcome, theirs []string) bool {
	last := len(ours.Read) - 1
	if ours.End != http1test.Broken || len(theirs) != len(ours.Read) {
		return slices.Equal(ours.Read, theirs)
	}
	return slices.Equal(ours.Read[:last], theirs[:last]) && strings.HasPrefix(theirs[last], ours.Read[last])
}

// readAllByNetHTTP reads up to so many requests.
func readAllByNetHTTP(stream string, most int) (read []string) {
	source := bufio.NewReader(strings.NewReader(stream))
	for len(read) < most {
		request, err := http.ReadRequest(source)
		if err != nil {
			return read
		}
		body, err := io.ReadAll(request.Body)
		got := http1test.Request{
			Method: request.Method, Target: request.RequestURI, Minor: request.ProtoMinor, Host: request.Host, Header: request.Header,
			Body: string(body), Trailer: request.Trailer, Broken: err != nil,
		}
		if read = append(read, got.String()); got.Broken {
			return read
		}
	}
	return read
}

// FuzzAnswers holds the same of answers: status, reason, header, body and what is left behind it, but that the package reads past interim
// answers.
func FuzzAnswers(f *testing.F) {
	for _, c := range http1test.Answers() {
		if len(c.Sent) < maxFuzzed {
			f.Add(c.Sent, c.Method)
		}
	}
	f.Fuzz(func(t *testing.T, sent, method string) {
		ours := readAnswer(strings.NewReader(sent), method)
		if inBytes := readAnswer(iotest.OneByteReader(strings.NewReader(sent)), method); ours != inBytes {
			t.Fatalf("%q is read as %v, and byte by byte as %v", sent, ours, inBytes)
		}
		if ours.text == "" {
			return
		}
		if !http1test.IsAnswer(sent) {
			t.Fatalf("%q is read as %v, and is none by the grammar", sent, ours)
		}
		theirs := readByNetHTTP(sent, method)
		for strings.HasPrefix(theirs.text, "1") && theirs.rest != "" { // up to the answer itself
			theirs = readByNetHTTP(theirs.rest, method)
		}
		if ours.broken && strings.HasPrefix(theirs.text, ours.text) { // nothing is read on, and what net/http makes of the body does not matter
			return
		}
		if ours != theirs {
			t.Fatalf("%q to %s is read as\n%v, and by net/http as\n%v", sent, method, ours, theirs)
		}
	})
}
