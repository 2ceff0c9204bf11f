package http1test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Recorder is a handler that notes what it is asked, by connection.
type Recorder struct {
	Unread bool                                     // bodies are left to the server
	Dial   func(address string) (HalfCloser, error) // to the server; nil: over TCP

	mu   sync.Mutex
	read map[string][]*Request // by the peer's address
}

// NewRecorder returns a handler that was asked nothing yet.
func NewRecorder() *Recorder { return &Recorder{read: map[string][]*Request{}} }

// ServeHTTP reads the whole request, and answers 200, or 400 if its body is broken.
func (c *Recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	got := &Request{Method: r.Method, Target: r.RequestURI, Minor: r.ProtoMinor, Host: r.Host, Header: r.Header.Clone()}
	var body []byte
	var err error
	if !c.Unread {
		body, err = io.ReadAll(r.Body)
	}
	got.Method, got.Target, got.Host, got.Body = strings.Clone(got.Method), strings.Clone(got.Target), strings.Clone(got.Host), string(body)
	got.Broken, got.Trailer = err != nil, r.Trailer.Clone()
	c.mu.Lock()
	c.read[r.RemoteAddr] = append(c.read[r.RemoteAddr], got)
	c.mu.Unlock()
	if got.Broken {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// take returns what was read on a connection that has ended.
func (c *Recorder) take(remote string) []*Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	read := c.read[remote]
	delete(c.read, remote)
	return read
}

// Observed is what came of a stream of bytes on a connection.
type Observed struct {
	Read     []*Request
	Statuses []int // of the final answers
}

// HalfCloser is a connection of which one side can be ended alone: over TCP or TLS.
type HalfCloser interface {
	net.Conn
	CloseWrite() error
}

func dialTCP(address string) (HalfCloser, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// Send writes a stream on a connection to a server with this handler, ends the peer's side, and returns what came of it when the server has
// ended the connection. The server has patience at most.
func (c *Recorder) Send(address, stream string, patience time.Duration) (Observed, error) {
	dial := dialTCP
	if c.Dial != nil {
		dial = c.Dial
	}
	conn, err := dial(address)
	if err != nil {
		return Observed{}, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = io.WriteString(conn, stream) // a server need not read everything
		_ = conn.CloseWrite()
	}()
	statuses, err := readAnswers(conn)
	if err != nil {
		_ = conn.Close()
	}
	<-written
	return Observed{c.take(conn.LocalAddr().String()), statuses}, err
}

// readAnswers reads answers up to the end of a connection, which must not come within one. None is to a HEAD. After an answer a server may
// close a connection with bytes unread, once it has waited for the peer to take the answer.
func readAnswers(conn io.Reader) (statuses []int, err error) {
	reader := bufio.NewReader(conn)
	for {
		if _, err := reader.Peek(1); err == io.EOF || errors.Is(err, syscall.ECONNRESET) && len(statuses) > 0 {
			return statuses, nil
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			return statuses, fmt.Errorf("after answers %d: %w", statuses, err)
		}
		if _, err = io.Copy(io.Discard, answer.Body); err != nil {
			return statuses, fmt.Errorf("in the answer after %d: %w", statuses, err)
		}
		if answer.StatusCode >= 200 {
			statuses = append(statuses, answer.StatusCode)
		}
	}
}

// Outcome returns what was observed in the form of a case's.
func (o Observed) Outcome() Outcome {
	out := Outcome{End: Closes}
	for _, r := range o.Read {
		out.Read = append(out.Read, r.String())
	}
	n := len(o.Read)
	switch {
	case n > 0 && o.Read[n-1].Broken:
		out.End = Broken
	case len(o.Statuses) > n:
		out.End = Refused
	case n > 0 && out.Read[n-1] == Probed:
		out.End = Next
	}
	return out
}

// Check returns what is wrong with what was observed of a case, as far as the answers show it; empty if nothing is.
func (c *Case) Check(o Observed) string {
	got, want := o.Outcome(), c.Wanted()
	if c.Cut && got.End != Broken && want.End != Broken {
		got.End = want.End // which answer a peer gets that has left matters less
	}
	if !got.Equal(want) {
		return fmt.Sprintf("got %.600v\nwant %.600v", got, want)
	}
	for i, status := range o.Statuses {
		switch {
		case i < len(o.Read) && !o.Read[i].Broken && status != http.StatusOK:
			return fmt.Sprintf("answer %d to request %d", status, i+1)
		case i >= len(o.Read) && status != http.StatusBadRequest && status != c.Status:
			return fmt.Sprintf("refused with %d, want 400 or %d", status, c.Status)
		}
	}
	if answers := len(o.Statuses); answers < len(o.Read) || answers > len(o.Read)+1 {
		return fmt.Sprintf("%d answers to %d requests", answers, len(o.Read))
	}
	return ""
}
