package http1_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"tollgate/http1"
	"tollgate/http1/http1test"
)

// answerRead is what came of an answer: empty if it was refused.
type answerRead struct {
	text   string
	rest   string
	broken bool
}

func (r answerRead) String() string {
	return fmt.Sprintf("%q and %q, broken: %v", r.text, r.rest, r.broken)
}

// readAnswer reads an answer to a request with the method by the package.
func readAnswer(source io.Reader, method string) (read answerRead) {
	var reader http1.Reader
	var head http1.ResponseHead
	reader.Reset(source, limits)
	reader.Lend(make([]byte, 4096))
	if reader.ReadResponseHead(&head, method) != nil {
		return read
	}
	var body http1.Body
	body.Reset(&reader, head.Framing)
	text, err := io.ReadAll(&body)
	got := http1test.Read{Status: head.Status, Reason: head.Reason, Minor: head.Minor, Header: headerOf(head.Fields), Body: string(text), Trailer: headerOf(body.Trailer())}
	if read.broken = err != nil || !body.Ended(); read.broken {
		got.Body, got.Trailer = "", nil
	}
	read.text, read.rest = got.String(), rest(&reader)
	return read
}

// rest returns what a reader has not read yet.
func rest(reader *http1.Reader) string {
	var body http1.Body
	body.Reset(reader, http1.Framing{Kind: http1.UntilClose})
	text, _ := io.ReadAll(&body)
	return string(text)
}

// readByNetHTTP reads it by net/http.
func readByNetHTTP(sent, method string) (read answerRead) {
	source := bufio.NewReader(strings.NewReader(sent))
	response, err := http.ReadResponse(source, &http.Request{Method: method})
	if err != nil {
		return read
	}
	text, err := io.ReadAll(response.Body)
	_, reason, _ := strings.Cut(response.Status, " ")
	got := http1test.Read{
		Status: response.StatusCode, Reason: reason, Minor: response.ProtoMinor, Header: response.Header, Body: string(text), Trailer: response.Trailer,
	}
	if read.broken = err != nil; read.broken {
		got.Body, got.Trailer = "", nil
	}
	left, _ := io.ReadAll(source)
	read.text, read.rest = got.String(), string(left)
	return read
}

// TestAnswers reads each answer of http1test, in pieces of whatever size, and by net/http where it does not repair.
func TestAnswers(t *testing.T) {
	for _, c := range http1test.Answers() {
		if c.Method == "" {
			c.Method = http.MethodGet
		}
		want := answerRead{c.Want, c.Rest, c.Broken}
		for name, got := range map[string]answerRead{
			"whole":  readAnswer(strings.NewReader(c.Sent), c.Method),
			"halves": readAnswer(iotest.HalfReader(strings.NewReader(c.Sent)), c.Method),
			"bytes":  readAnswer(iotest.OneByteReader(strings.NewReader(c.Sent[:min(len(c.Sent), 150_000)])), c.Method),
		} {
			if c.Broken {
				got.rest = ""
			}
			if got != want {
				t.Errorf("%s, %s: got %.300s, want %.300s", c.Name, name, got, want)
			}
		}
		got := readByNetHTTP(c.Sent, c.Method)
		if c.Broken {
			got.rest = ""
		}
		if alike := got == want; alike == c.Repaired {
			t.Errorf("%s: net/http reads %.300s, marked as repaired: %v", c.Name, got, c.Repaired)
		}
	}
}
