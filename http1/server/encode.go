package server

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tollgate/http1"
)

// appendHead appends status line and fields, without those that say how the message is read.
func (w *response) appendHead() {
	to := append(w.head, "HTTP/1.1 "...)
	to = strconv.AppendInt(to, int64(w.status), 10)
	to = append(append(to, ' '), http.StatusText(w.status)...)
	to = append(to, "\r\n"...)
	for name, values := range w.header {
		switch name {
		case "Connection", "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		}
		for _, value := range values {
			to = appendField(to, name, value)
		}
	}
	if _, said := w.header["Date"]; !said {
		to = append(append(to, "Date: "...), date(time.Now())...)
		to = append(to, "\r\n"...)
	}
	w.head = to
}

// appendField appends a field. A name that is none is left out, and what would end a line is a blank, as net/http has it.
func appendField(to []byte, name, value string) []byte {
	if !http1.IsToken(name) {
		return to
	}
	to = append(append(to, name...), ": "...)
	if !http1.IsFieldValue(value) {
		value = lineEnds.Replace(value)
	}
	return append(append(to, value...), "\r\n"...)
}

var lineEnds = strings.NewReplacer("\r", " ", "\n", " ")

// appendFraming appends what frame has found, and the end of the head.
func (w *response) appendFraming() {
	to := w.head
	switch {
	case w.length >= 0:
		to = append(strconv.AppendInt(append(to, "Content-Length: "...), w.length, 10), "\r\n"...)
	case w.chunked:
		to = append(to, "Transfer-Encoding: chunked\r\n"...)
	}
	switch {
	case w.closes:
		to = append(to, "Connection: close\r\n"...)
	case w.conn.head.Minor == 0:
		to = append(to, "Connection: keep-alive\r\n"...)
	}
	w.head = append(to, "\r\n"...)
}

// dated is a second, and how the field Date has it.
type dated struct {
	second int64
	text   string
}

var lastDate atomic.Pointer[dated]

// date returns the field Date. It is written once a second.
func date(now time.Time) string {
	second := now.Unix()
	if last := lastDate.Load(); last != nil && last.second == second {
		return last.text
	}
	fresh := &dated{second, now.UTC().Format(http.TimeFormat)}
	lastDate.Store(fresh)
	return fresh.text
}
