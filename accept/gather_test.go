package accept

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"tollgate/tlspolicy"
)

// sink notes what is written to it, write by write, and under which deadline.
type sink struct {
	secureConn
	writes   []string
	deadline time.Time
	under    []time.Time
	err      error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	s.writes, s.under = append(s.writes, string(p)), append(s.under, s.deadline)
	return len(p), nil
}

func (s *sink) SetWriteDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

// gatherTo returns a connection to a sink, and what is to be run once others had their turns.
func gatherTo() (conn *gatheringConn, to *sink, later *[]func()) {
	to, later = new(sink), new([]func())
	conn = newGathering(to)
	conn.later = func(f func()) { *later = append(*later, f) }
	return conn, to, later
}

// framesOf returns the bytes of frames.
func framesOf(t testing.TB, write func(*http2.Framer) error) string {
	t.Helper()
	var all bytes.Buffer
	if err := write(http2.NewFramer(&all, nil)); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func headerFrame(t testing.TB, size int, endStream, endHeaders bool) string {
	return framesOf(t, func(f *http2.Framer) error {
		return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, size), EndStream: endStream, EndHeaders: endHeaders})
	})
}

func dataFrame(t testing.TB, size int) string {
	return framesOf(t, func(f *http2.Framer) error { return f.WriteData(1, true, make([]byte, size)) })
}

func TestHeaderIsWrittenWithWhatFollows(t *testing.T) {
	header, data := headerFrame(t, 20, false, true), dataFrame(t, 30)
	settings := framesOf(t, func(f *http2.Framer) error { return f.WriteSettings() })
	reset := framesOf(t, func(f *http2.Framer) error { return f.WriteRSTStream(1, http2.ErrCodeNo) })
	for name, c := range map[string]struct{ writes, want []string }{
		"header, body":              {[]string{header, data}, []string{header + data}},
		"header in two, body":       {[]string{header[:3], header[3:12], header[12:], data}, []string{header[:3], header[3:12], header[12:] + data}},
		"two headers, body":         {[]string{header, header, data}, []string{header + header + data}},
		"header, part of a body":    {[]string{header, data[:11], data[11:]}, []string{header + data[:11], data[11:]}},
		"settings and header, body": {[]string{settings + header, data}, []string{settings + header + data}},
		"header of all":             {[]string{headerFrame(t, 20, true, true)}, []string{headerFrame(t, 20, true, true)}},
		"header to be continued":    {[]string{headerFrame(t, 20, false, false)}, []string{headerFrame(t, 20, false, false)}},
		"settings":                  {[]string{settings, settings}, []string{settings, settings}},
		"header and body":           {[]string{header + data, settings}, []string{header + data, settings}},
		"an empty body":             {[]string{header, dataFrame(t, 0), settings}, []string{header + dataFrame(t, 0), settings}},
		"an answer, and a reset":    {[]string{header, data + reset, header, data}, []string{header + data, reset, header + data}},
		"two resets":                {[]string{header, data + reset + reset + settings}, []string{header + data, reset + reset + settings}},
		"a reset of its header":     {[]string{header + reset}, []string{header + reset}},
		"a reset, then a header":    {[]string{reset + header, data}, []string{reset + header + data}},
		"a large body":              {[]string{header, dataFrame(t, maxHeld)}, []string{header, dataFrame(t, maxHeld)}},
		"a large header":            {[]string{headerFrame(t, maxHeld, false, true), data}, []string{headerFrame(t, maxHeld, false, true), data}},
	} {
		conn, to, _ := gatherTo()
		for _, p := range c.writes {
			if n, err := conn.Write([]byte(p)); n != len(p) || err != nil {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
		if !slices.Equal(to.writes, c.want) {
			t.Errorf("%s: written as %q, want %q", name, to.writes, c.want)
		}
	}
}

// A header is written without the body when that does not come at once, and only once.
func TestHeaderDoesNotWaitForLong(t *testing.T) {
	header, data := headerFrame(t, 20, false, true), dataFrame(t, 30)
	conn, to, later := gatherTo()
	write := func(p string) {
		if _, err := conn.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	write(header)
	(*later)[0]()
	(*later)[0]()
	write(data)
	write(header)
	(*later)[0]() // that of the first header, not of this
	if want := []string{header, data}; !slices.Equal(to.writes, want) {
		t.Errorf("written as %q, want %q", to.writes, want)
	}
	write(data)
	(*later)[1]()
	if want := []string{header, data, header + data}; !slices.Equal(to.writes, want) {
		t.Errorf("written as %q, want %q", to.writes, want)
	}
}

// The deadline of a header that waits is its own when it is written, and is taken back afterwards.
func TestHeaderThatWaitsKeepsItsDeadline(t *testing.T) {
	conn, to, later := gatherTo()
	deadline := time.Unix(1e9, 0)
	_ = conn.SetWriteDeadline(deadline)
	_, _ = io.WriteString(conn, headerFrame(t, 20, false, true))
	_ = conn.SetWriteDeadline(time.Time{})
	(*later)[0]()
	if !slices.Equal(to.under, []time.Time{deadline}) {
		t.Errorf("written under %v", to.under)
	}
	if _ = conn.SetWriteDeadline(time.Time{}); !to.deadline.IsZero() {
		t.Errorf("%v stays", to.deadline)
	}
}

// What could not be written is an error of the next write, which writes nothing.
func TestErrorOfWhatWaited(t *testing.T) {
	conn, to, later := gatherTo()
	_, _ = io.WriteString(conn, headerFrame(t, 20, false, true))
	fault := errors.New("broken")
	to.err = fault
	(*later)[0]()
	to.err = nil
	if _, err := io.WriteString(conn, dataFrame(t, 1)); !errors.Is(err, fault) || len(to.writes) != 0 {
		t.Errorf("%v, and %q is written", err, to.writes)
	}
}

// Whatever is written, in whatever parts, goes out as it is and in order; and what waits ends with a header.
func FuzzGather(f *testing.F) {
	header, data := headerFrame(f, 20, false, true), dataFrame(f, 30)
	f.Add([]byte(header+data), []byte{29})
	f.Add([]byte(header+header+data), []byte{1, 28, 10, 19, 3})
	f.Add([]byte(data+headerFrame(f, 3, true, true)+header), []byte{200, 2})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		if len(stream) > maxHeld {
			t.Skip() // not all headers wait then
		}
		conn, to, later := gatherTo()
		for rest, i := stream, 0; len(rest) > 0; i++ {
			n := len(rest)
			if i < len(cuts) {
				n = min(int(cuts[i]), n)
			}
			if _, err := conn.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			if written := stream[:len(stream)-len(rest)]; (conn.held != nil) != (len(written) > 0 && endsWithHeader(written)) {
				t.Fatalf("waits: %v, after %x", conn.held != nil, written)
			}
		}
		for _, f := range *later {
			f()
		}
		if got := strings.Join(to.writes, ""); got != string(stream) {
			t.Fatalf("written %x, want %x", got, stream)
		}
	})
}

// endsWithHeader reports whether the frames end with a header. It is a second reading, from their beginning.
func endsWithHeader(stream []byte) bool {
	last := stream
	for rest := stream; len(rest) > 0; {
		if len(rest) < 9 {
			return false
		}
		size := 9 + int(rest[0])<<16 + int(rest[1])<<8 + int(rest[2])
		if size > len(rest) {
			return false
		}
		last, rest = rest, rest[size:]
	}
	return last[3] == byte(http2.FrameHeaders) && http2.Flags(last[4]).Has(http2.FlagHeadersEndHeaders) &&
		!http2.Flags(last[4]).Has(http2.FlagHeadersEndStream)
}

// counting counts the writes to its connections.
type counting struct {
	net.Listener
	writes atomic.Int64
}

type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (l *counting) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return countedConn{conn, &l.writes}, err
}

func (c countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// Answers of HTTP/2 go out with one write each. Of a hundred some may not, where the goroutine with the body has its turn too late.
func TestAnswersOfHTTP2AreOneWrite(t *testing.T) {
	inner, err := Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &counting{Listener: inner}
	server := newNetHTTP(listener, ServerConfig{Handler: http.HandlerFunc(answerOK), Listener: Config{TLS: serverTLS(t, nil, tlspolicy.Server{})}})
	serve(t, server)
	conn := tls.Client(dial(t, inner), clientTLS(func(c *tls.Config) { c.NextProtos = []string{"h2"} }))
	framer := begin(t, conn)
	before := listener.writes.Load()
	const answers = 100
	for i := range uint32(answers) {
		if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: fieldsOf(t), EndStream: true, EndHeaders: true}); err != nil {
			t.Fatal(err)
		}
		await(t, framer, func(f http2.Frame) bool {
			return f.Header().Flags.Has(http2.FlagDataEndStream) && f.Header().StreamID == 2*i+1
		})
	}
	if n := listener.writes.Load() - before; n >= 2*answers {
		t.Errorf("%d answers took %d writes", answers, n)
	} else {
		t.Logf("%d answers took %d writes", answers, n)
	}
}
