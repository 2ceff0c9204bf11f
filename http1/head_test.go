package http1

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

var testLimits = Limits{Line: 200, Head: 400, Fields: 5}

// reading returns a reader of a text in a buffer that is smaller than most of them.
func reading(source io.Reader) *Reader {
	r := new(Reader)
	r.Reset(source, testLimits)
	r.Lend(make([]byte, 16))
	return r
}

func TestReadRequestHead(t *testing.T) {
	long := strings.Repeat("x", 500)
	for text, want := range map[string]error{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                            nil,
		"GET / HTTP/1.0\r\n\r\n":                                       nil,
		"GET /?a=%20 HTTP/1.1\r\nhOsT:\t a.test:80 \t\r\nx-a:\r\n\r\n": nil,
		"M-SEARCH * HTTP/1.1\r\nHost:\r\n\r\n":                         nil,
		"GET / HTTP/1.1\r\nHost: a\r\nX: \x80\xff\t~\r\n\r\n":          nil,
		"":                                                                            io.EOF,
		"G":                                                                           io.ErrUnexpectedEOF,
		"GET / HTTP/1.1\r\nHost: a\r\n":                                               io.ErrUnexpectedEOF,
		"\r\n":                                                                        StartLine,
		"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n":                                       StartLine,
		"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n":                                         LineEnding,
		"GET / HTTP/1.1\nHost: a\r\n\r\n":                                             LineEnding,
		"GET / HTTP/1.1\r\nHost: a\n\r\n":                                             LineEnding,
		"GET / HTTP/1.1\r\nHost: a\r\n\n":                                             LineEnding,
		"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n":                                         Version,
		"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n":                                     FieldValue,
		"GET /\rx HTTP/1.1\r\nHost: a\r\n\r\n":                                        Target,
		"GET  / HTTP/1.1\r\nHost: a\r\n\r\n":                                          Version,
		" GET / HTTP/1.1\r\nHost: a\r\n\r\n":                                          Version,
		"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n":                                          StartLine,
		"GET / HTTP/1.1 \r\nHost: a\r\n\r\n":                                          Version,
		"GET /\r\n\r\n":                                                               StartLine,
		"GET / http/1.1\r\nHost: a\r\n\r\n":                                           Version,
		"GET / HTTP/1.2\r\nHost: a\r\n\r\n":                                           Version,
		"GET / HTTP/2.0\r\nHost: a\r\n\r\n":                                           Version,
		"G(T / HTTP/1.1\r\nHost: a\r\n\r\n":                                           Method,
		"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n":                                       Target,
		"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n":                                   nil,
		"GET  HTTP/1.1\r\nHost: a\r\n\r\n":                                            Target,
		"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n":                                     Folded,
		"GET / HTTP/1.1\r\n Host: a\r\n\r\n":                                          Folded,
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n":                                          FieldName,
		"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n":                                      FieldName,
		"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n":                                    FieldName,
		"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n":                                FieldValue,
		"GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n":                                FieldValue,
		"GET / HTTP/1.1\r\n\r\n":                                                      Host,
		"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n":                                Host,
		"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n":                                Host,
		"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n":                                         Host,
		"GET / HTTP/1.1\r\nHost: a\x80\r\n\r\n":                                       Host,
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n":                     ContentLength,
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n":                   ContentLength,
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n":                        ContentLength,
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n":    ContentLength,
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n":    nil,
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n": ContentLength,
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n": TransferEncoding,
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n":                      nil,
		"GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n":                      TransferEncoding,
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n":                TransferEncoding,
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n":                              TransferEncoding,
		"GET / HTTP/1.1\r\nHost: a\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n":                      TooManyFields,
		"GET /" + long: LineTooLong,
		"GET /" + long[:210] + " HTTP/1.1\r\nHost: a\r\n\r\n":  LineTooLong,
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + long:              HeadTooLarge,
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + long + "\r\n\r\n": HeadTooLarge,
	} {
		for name, source := range map[string]io.Reader{"at once": strings.NewReader(text), "by bytes": iotest.OneByteReader(strings.NewReader(text))} {
			var h RequestHead
			if err := reading(source).ReadRequestHead(&h); !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("%.80q, %s: %v, want %v", text, name, err, want)
			}
		}
	}
}
