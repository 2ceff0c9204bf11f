package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
)

// upstream plays the billing API as cheaply as can be: it reads a call whole and answers with the same bytes each time.
type upstream struct {
	listener net.Listener
	check    atomic.Pointer[checker] // looks at calls while not nil
}

// checker gets each call's head (with the empty line) and body.
type checker func(head, body []byte)

// balances is what the billing API answers to a question for balances.
const balances = `{"account_balances":[{"account_id":"A1","account_type":1,"amount":500.00,"currency":"CNY","designated_amount":0,` +
	`"credit_amount":0,"measure_id":1},{"account_id":"A2","account_type":2,"amount":0,"currency":"CNY","designated_amount":0,` +
	`"credit_amount":1000,"measure_id":1}],"debt_amount":0,"measure_id":1,"currency":"CNY"}`

var answer = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nDate: Mon, 02 Mar 2026 03:04:05 GMT\r\nContent-Type: application/json\r\n"+
	"X-Request-Id: 9f2c6c1d7a8b4e0f\r\nContent-Length: %d\r\n\r\n%s", len(balances), balances)

func newUpstream(certificate tls.Certificate) (*upstream, error) {
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
	})
	if err != nil {
		return nil, err
	}
	u := &upstream{listener: listener}
	go u.accept()
	return u, nil
}

func (u *upstream) address() string { return u.listener.Addr().String() }

func (u *upstream) accept() {
	for {
		conn, err := u.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_ = u.serve(conn) // the proxy's answer will show that something went wrong
		}()
	}
}

func (u *upstream) serve(conn net.Conn) error {
	reader := bufio.NewReaderSize(conn, 64<<10)
	for {
		if err := u.call(reader); err != nil {
			return err
		}
		if _, err := conn.Write(answer); err != nil {
			return err
		}
	}
}

// call reads one call.
func (u *upstream) call(reader *bufio.Reader) error {
	if _, err := reader.Peek(1); err != nil { // now that a call comes, a test may want to look at it
		return err
	}
	check := u.check.Load()
	var head []byte
	length := 0
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if check != nil {
			head = append(head, line...)
		}
		if len(line) <= 2 {
			break
		}
		if length, err = contentLength(line, length); err != nil {
			return err
		}
	}
	if check == nil {
		_, err := reader.Discard(length)
		return err
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(reader, body); err != nil {
		return err
	}
	(*check)(head, body)
	return nil
}

var (
	lengthName   = []byte("content-length:")
	encodingName = []byte("transfer-encoding:")
)

// contentLength reads the length from a header line that states it; other lines leave it as it was.
func contentLength(line []byte, length int) (int, error) {
	if len(line) > len(lengthName) && bytes.EqualFold(line[:len(lengthName)], lengthName) {
		return strconv.Atoi(strings.TrimSpace(string(line[len(lengthName):])))
	}
	if len(line) > len(encodingName) && bytes.EqualFold(line[:len(encodingName)], encodingName) {
		return 0, errors.New("a message without a stated length")
	}
	return length, nil
}
