package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// http2Conn speaks HTTP/2 with one stream at a time. One goroutine does it all: while it sends a body it reads only when
// the peer's flow control makes it wait.
type http2Conn struct {
	*tls.Conn
	framer      *http2.Framer
	writer      *bufio.Writer
	first, next []byte // the request's header: in the first call, and in later ones, which refer to the first's table
	body        []byte
	stream      uint32
	connWindow  int64
	window      int64 // of the stream
	firstWindow int64 // of each stream, by the peer's settings
	received    int   // bytes of the answer's body
	ended       bool
	decoder     *hpack.Decoder
	status      string
}

const (
	ourWindow = 1 << 30  // we never make the peer wait
	frameSize = 16 << 10 // every peer takes it, and most callers send no larger ones
)

func newHTTP2(conn *tls.Conn, host string, r request) (*http2Conn, error) {
	c := &http2Conn{Conn: conn, writer: bufio.NewWriterSize(conn, 32<<10), body: r.body, connWindow: 65535, firstWindow: 65535}
	c.stream-- // the first is 1
	c.first, c.next = headerBlocks(host, r)
	c.framer = http2.NewFramer(c.writer, bufio.NewReaderSize(conn, 16<<10))
	c.framer.SetReuseFrames()
	c.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == ":status" {
			c.status = f.Value
		}
	})
	_, _ = c.writer.WriteString(http2.ClientPreface)
	if err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: ourWindow}, http2.Setting{ID: http2.SettingEnablePush, Val: 0}); err != nil {
		return nil, err
	}
	if err := c.framer.WriteWindowUpdate(0, ourWindow); err != nil {
		return nil, err
	}
	return c, c.writer.Flush()
}

// headerBlocks encodes a request's header twice: as new fields, and as references to them.
func headerBlocks(host string, r request) (first, next []byte) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	fields := [][2]string{{":method", r.method}, {":scheme", "https"}, {":authority", host}, {":path", r.path}, {"accept", "application/json"}}
	if r.body != nil {
		fields = append(fields, [2]string{"content-type", "application/json"}, [2]string{"content-length", strconv.Itoa(len(r.body))})
	}
	encode := func() []byte {
		block.Reset()
		for _, f := range fields {
			_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // a buffer takes everything
		}
		return bytes.Clone(block.Bytes())
	}
	return encode(), encode()
}

func (c *http2Conn) call() error {
	c.stream += 2
	c.window, c.received, c.ended, c.status = c.firstWindow, 0, false, ""
	fields := c.next
	if c.stream == 1 {
		fields = c.first
	}
	err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.stream, BlockFragment: fields, EndHeaders: true, EndStream: len(c.body) == 0})
	if err != nil {
		return err
	}
	if err := c.send(c.body); err != nil {
		return err
	}
	for !c.ended {
		if err := c.read(); err != nil {
			return err
		}
	}
	if c.status != "200" || c.received != len(balances) {
		return fmt.Errorf("answered %s with %d bytes", c.status, c.received)
	}
	return nil
}

// send writes the body as the windows allow.
func (c *http2Conn) send(body []byte) error {
	for len(body) > 0 {
		n := min(int64(len(body)), frameSize, c.window, c.connWindow)
		if n <= 0 {
			if err := c.read(); err != nil {
				return err
			}
			continue
		}
		if err := c.framer.WriteData(c.stream, int(n) == len(body), body[:n]); err != nil {
			return err
		}
		body = body[n:]
		c.window, c.connWindow = c.window-n, c.connWindow-n
	}
	return c.writer.Flush()
}

// read takes one frame of the peer's.
func (c *http2Conn) read() error {
	if err := c.writer.Flush(); err != nil {
		return err
	}
	frame, err := c.framer.ReadFrame()
	if err != nil {
		return err
	}
	switch f := frame.(type) {
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			c.connWindow += int64(f.Increment)
		} else if f.StreamID == c.stream {
			c.window += int64(f.Increment)
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			return c.framer.WritePing(true, f.Data)
		}
	case *http2.HeadersFrame:
		if !f.HeadersEnded() {
			return errors.New("an answer's header in several frames")
		}
		c.ended = f.StreamEnded()
		_, err := c.decoder.Write(f.HeaderBlockFragment())
		return err
	case *http2.DataFrame:
		c.received += len(f.Data())
		c.ended = f.StreamEnded()
	case *http2.RSTStreamFrame:
		return fmt.Errorf("stream reset: %s", f.ErrCode)
	case *http2.GoAwayFrame:
		return fmt.Errorf("connection ended: %s", f.ErrCode)
	}
	return nil
}

func (c *http2Conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if v, ok := f.Value(http2.SettingInitialWindowSize); ok {
		c.window += int64(v) - c.firstWindow
		c.firstWindow = int64(v)
	}
	return c.framer.WriteSettingsAck()
}
