package gateway

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"

	"tollgate/http1"
	"tollgate/upstream"
)

// contentCodings returns the codings of an answer's body, in lower case.
func contentCodings(header http1.Fields) (codings []string) {
	for _, line := range header.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.ToLower(strings.Trim(coding, " \t")); coding != "" && coding != "identity" {
				codings = append(codings, coding)
			}
		}
	}
	return codings
}

// decode undoes what a signed upstream did to its answer unasked, and returns the body to read. gzip is undone, since servers and
// the caches before them send it so; others stay, and nothing is read of such a body. A part of a gzip stream (206) cannot be undone.
func (a *answer) decode(free int64) io.Reader {
	response := a.response
	if !response.Header.Has("Content-Encoding") {
		return response.Body
	}
	switch codings := contentCodings(response.Header); {
	case len(codings) == 0:
		response.Header.Del("Content-Encoding")
		return response.Body
	case len(codings) > 1 || codings[0] != "gzip" && codings[0] != "x-gzip" || response.Status == http.StatusPartialContent:
		a.coded = true
		return response.Body
	}
	describeDecoded(response)
	return &gunzip{from: counted{inner: response.Body}, free: free, mayBeEmpty: !response.EndsByClose || response.Body == http.NoBody}
}

// ofCoded are headers about the bytes of a body in its coding.
var ofCoded = [...]string{"Content-Encoding", "Content-Length", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest"}

// describeDecoded takes out of an answer's header what was about its coded form. A strong entity tag becomes a weak one (RFC 9110
// section 8.8.1: it is of these bytes).
func describeDecoded(response *upstream.Response) {
	for _, name := range ofCoded {
		response.Header.Del(name)
	}
	response.ContentLength = -1
	tag := response.Header.Get("Etag")
	if strings.HasPrefix(tag, `"`) {
		response.Header.Del("Etag")
		response.Header.Add("Etag", "W/"+tag)
	} else if !strings.HasPrefix(tag, "W/") {
		response.Header.Del("Etag")
	}
}

// maxRatio is how many bytes one of a gzip stream may stand for, beyond what is free. Lists in JSON come to 50; the most that the
// format allows is 1032.
const maxRatio = 100

var errInflated = errors.New("the answer's gzip stands for more than 100 times its size")

// gunzip reads what gzip members in a row stand for, to the end of the body that they come in.
type gunzip struct {
	from       counted
	free       int64 // bytes that may come of any stream
	mayBeEmpty bool  // no bytes at all are no stream that was cut
	inner      *gzip.Reader
	out        int64
	err        error
}

// Read returns an error at the end where the stream is broken or cut.
func (g *gunzip) Read(p []byte) (n int, err error) {
	if g.err == nil && g.inner == nil {
		g.inner, g.err = gzip.NewReader(&g.from)
		if g.err == io.EOF && !g.mayBeEmpty {
			g.err = io.ErrUnexpectedEOF
		}
	}
	if g.err == nil {
		n, g.err = g.inner.Read(p)
	}
	if g.out += int64(n); g.out > g.free+maxRatio*g.from.count {
		n, g.err = 0, errInflated
	}
	return n, g.err
}

// counted counts what is read.
type counted struct {
	inner io.Reader
	count int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.inner.Read(p)
	c.count += int64(n)
	return n, err
}
