package gateway_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"tollgate/config"
	"tollgate/tlspolicy"
)

// Streams that wait for their turn, and send as much as they may, leave room to those whose bodies are being read.
func testWaitingStreamsLeaveRoom(t *testing.T, e engine) {
	s := startTLS(t, behind(e), bounded(func(b *config.Bounds) { b.Calls, b.Bodies = 1024, 256<<20 }))
	config := must(tlspolicy.Named("huawei-high")).Client(tlspolicy.Client{ServerName: "gateway.test", RootCAs: s.ca.Pool()})
	config.NextProtos = []string{"h2"}
	conn := must(tls.Dial("tcp", s.address, config))
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	must(conn.Write([]byte(http2.ClientPreface)))
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	write := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	write(framer.WriteSettings())
	ofStream, ofConnection := windows(t, framer)
	claim := signed{caller: partnerCaller, method: "POST", target: "/echo/a/b", body: strings.Repeat("x", 16<<10)}
	for stream := uint32(1); stream < 64; stream += 2 {
		expect := stream < 17 // the first eight, which have their turns when they are let go on
		write(framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: claim.block(t, expect), EndHeaders: true}))
		for expect {
			if frame, ok := must(framer.ReadFrame()).(*http2.MetaHeadersFrame); ok && frame.PseudoValue("status") == "100" {
				break
			}
		}
	}
	for stream := uint32(17); stream < 64; stream += 2 {
		for left := ofStream; left > 0 && ofConnection > 0; {
			part := min(left, ofConnection, len(claim.body))
			write(framer.WriteData(stream, false, []byte(claim.body[:part])))
			left, ofConnection = left-part, ofConnection-part
		}
	}
	if ofConnection < len(claim.body) {
		t.Fatalf("%d bytes may still be sent", ofConnection)
	}
	write(framer.WriteData(1, true, []byte(claim.body)))
	for {
		frame := must(framer.ReadFrame())
		if answer, ok := frame.(*http2.MetaHeadersFrame); ok {
			if answer.StreamID != 1 || answer.PseudoValue("status") != "200" {
				t.Errorf("answer %v", answer.Fields)
			}
			return
		}
	}
}

// A peer may send as much as HTTP/2 lets it from the start, before it has seen any settings of ours.
func testBodyBeforeTheSettings(t *testing.T, e engine) {
	s := startTLS(t, behind(e))
	config := must(tlspolicy.Named("huawei-high")).Client(tlspolicy.Client{ServerName: "gateway.test", RootCAs: s.ca.Pool()})
	config.NextProtos = []string{"h2"}
	conn := must(tls.Dial("tcp", s.address, config))
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	call := signed{caller: partnerCaller, method: "POST", target: "/echo/a/b", body: strings.Repeat("x", 65535)}
	var sent bytes.Buffer
	framer := http2.NewFramer(&sent, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	sent.WriteString(http2.ClientPreface)
	err := errors.Join(framer.WriteSettings(), framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: call.block(t, false), EndHeaders: true}))
	for left := []byte(call.body); len(left) > 0; {
		part := left[:min(len(left), 16384)]
		left = left[len(part):]
		err = errors.Join(err, framer.WriteData(1, len(left) == 0, part))
	}
	if _, failed := conn.Write(sent.Bytes()); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	for {
		switch frame := must(framer.ReadFrame()).(type) {
		case *http2.RSTStreamFrame:
			t.Fatalf("reset with %v", frame.ErrCode)
		case *http2.MetaHeadersFrame:
			if status := frame.PseudoValue("status"); status != "200" {
				t.Errorf("answer %s", status)
			}
			return
		}
	}
}

// windows reads how much one stream, and all of a new connection together, may send.
func windows(t *testing.T, framer *http2.Framer) (ofStream, ofConnection int) {
	t.Helper()
	const initial = 65535 // RFC 9113 section 6.9.2
	ofStream, ofConnection = initial, initial
	for ofConnection == initial {
		switch frame := must(framer.ReadFrame()).(type) {
		case *http2.SettingsFrame:
			if window, ok := frame.Value(http2.SettingInitialWindowSize); ok {
				ofStream = int(window)
			}
		case *http2.WindowUpdateFrame:
			ofConnection += int(frame.Increment)
		}
	}
	return ofStream, ofConnection
}

// block is the request's header in HTTP/2.
func (s signed) block(t *testing.T, expect bool) []byte {
	t.Helper()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	field := func(name, value string) {
		if err := encoder.WriteField(hpack.HeaderField{Name: name, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	field(":method", s.method)
	field(":scheme", "https")
	field(":authority", "gateway.test")
	field(":path", s.target)
	if expect {
		field("expect", "100-continue")
	}
	head, _, _ := strings.Cut(s.text(t), "\r\n\r\n")
	for _, line := range strings.Split(head, "\r\n")[1:] {
		if name, value, _ := strings.Cut(line, ": "); name == "X-Sdk-Date" || name == "Authorization" {
			field(strings.ToLower(name), value)
		}
	}
	return block.Bytes()
}
